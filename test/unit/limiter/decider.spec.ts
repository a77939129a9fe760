import { jest } from '@jest/globals';
import { ConsoleLogger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  BackendService,
  BackendUnavailableError,
  CircuitBreakerRegistry,
  failoverBackend,
  memoryBackend,
  RateLimitEvents,
  RateLimitExceededException,
  RateLimitModule,
  type FailureMode,
  type LimitedDecision,
  type RateLimitEvent,
  type RateLimitModuleOptions,
} from 'nestjs-floodgate';
import { refused, ScriptedBackend } from './failover/scripted-backend.js';

const BREAKER = { failureThreshold: 2, recoveryTimeout: '1h', jitter: 0 };

/** Keeps what Nest would write. */
class Lines extends ConsoleLogger {
  readonly written: string[] = [];
  override log(message: string): void {
    this.keep('log', message);
  }
  override warn(message: string): void {
    this.keep('warn', message);
  }
  override error(message: string): void {
    this.keep('error', message);
  }
  private keep(level: string, message: string): void {
    if (/backend/i.test(message)) this.written.push(`${level}: ${message}`);
  }
}

/** An application without HTTP on the backends that are given. */
async function application(options: RateLimitModuleOptions) {
  const logger = new Lines();
  const module = RateLimitModule.forRoot({ circuitBreaker: BREAKER, ...options });
  const context = await NestFactory.createApplicationContext(module, { logger, abortOnError: false });
  const events: RateLimitEvent[] = [];
  context.get(RateLimitEvents).on((event) => events.push(event));
  return {
    service: context.get(BackendService),
    registry: context.get(CircuitBreakerRegistry),
    events,
    lines: logger.written,
    [Symbol.asyncDispose]: () => context.close(),
  };
}

/** The same on one backend that is down. */
async function outage(options: RateLimitModuleOptions = {}) {
  const store = new ScriptedBackend('store', { async: true });
  const app = await application({ backend: store, ...options });
  store.error = refused();
  return { store, ...app };
}

describe('without a backend that can decide', () => {
  it('closed: every call throws, before the circuit opens and after', async () => {
    await using app = await outage();
    for (let call = 0; call < 5; call += 1) {
      await expect(app.service.consume('someone', '1/m')).rejects.toBeInstanceOf(BackendUnavailableError);
    }
    await expect(app.service.peek('someone', '1/m')).rejects.toBeInstanceOf(BackendUnavailableError);
    expect(app.store.drain()).toEqual(['consume', 'consume']);
  });

  it('open: every call passes, tells that nothing is known, and why', async () => {
    await using app = await outage({ failureMode: 'open' });
    for (let call = 0; call < 5; call += 1) {
      const decision = await app.service.consume('someone', '1/m');
      expect(decision).toMatchObject({
        kind: 'unenforced',
        allowed: true,
        source: 'none',
        backend: null,
        policies: [],
      });
      expect(decision).toMatchObject({
        reason: 'failed-open',
        cause: { code: 'BACKEND_UNAVAILABLE', backend: 'store' },
      });
    }
    expect(app.events.filter(({ kind }) => kind === 'decision')).toHaveLength(5);
  });

  it('local: this process enforces its share of each limit', async () => {
    await using app = await outage({ failureMode: 'local', localShare: 0.25 });
    const decisions = [];
    for (let call = 0; call < 4; call += 1) decisions.push(await app.service.consume('someone', '11/m'));
    expect(decisions.map(({ kind }) => kind)).toEqual(['allowed', 'allowed', 'limited', 'limited']);
    expect(decisions[0]).toMatchObject({ source: 'local', backend: 'local', policies: [{ limit: 2, remaining: 1 }] });
    expect(await app.service.peek('someone', '11/m')).toMatchObject({ policies: [{ remaining: 0 }] });
    expect(await app.service.peek('another', '11/m')).toMatchObject({ policies: [{ remaining: 2 }] });
  });

  it('local: a share of a small limit is at least one, and of none is none', async () => {
    await using app = await outage({ failureMode: 'local', localShare: 0.1 });
    expect(await app.service.consume('someone', '5/m')).toMatchObject({ kind: 'allowed', policies: [{ limit: 1 }] });
    expect(await app.service.consume('someone', '5/m')).toMatchObject({ kind: 'limited' });
    expect(await app.service.consume('someone', '0/m')).toMatchObject({ kind: 'limited', retryAfterMs: null });
  });

  it('local: what costs more than a share is told to come back with the backend, not that it can never pass', async () => {
    await using app = await outage({ failureMode: 'local', localShare: 0.25 });
    const ask = (cost: number) => app.service.consume('someone', ['8/m', '100/h'], { cost });
    expect(await ask(3)).toMatchObject({ kind: 'limited', source: 'local', retryAfterMs: 1_000 });
    await ask(3);
    const { retryAfterMs } = app.registry.get('backend:store')!.status();
    expect(retryAfterMs).toBeGreaterThan(3_500_000);
    const refused = (await ask(3)) as LimitedDecision;
    expect(refused.retryAfterMs).toBeLessThanOrEqual(retryAfterMs);
    expect(refused.retryAfterMs).toBeGreaterThan(3_500_000);
    expect(await app.service.peek('someone', '8/m')).toMatchObject({ allowed: true, policies: [{ retryAfterMs: 0 }] });
    expect(await ask(9)).toMatchObject({ kind: 'limited', retryAfterMs: null });
  });

  it('local: the backend is asked again when it is back, and what was counted here does not count there', async () => {
    await using app = await outage({ failureMode: 'local' });
    for (let call = 0; call < 3; call += 1) await app.service.consume('someone', '3/m');
    expect((await app.service.consume('someone', '3/m')).allowed).toBe(false);
    app.store.error = undefined;
    app.service.resetCircuitBreaker();
    expect(await app.service.consume('someone', '3/m')).toMatchObject({
      allowed: true,
      source: 'primary',
      backend: 'store',
      policies: [{ remaining: 2 }],
    });
  });
});

describe('the failure mode of a call', () => {
  const kinds = async (app: { service: BackendService }, policies: object[], mode?: FailureMode) => {
    const options = mode === undefined ? {} : { failureMode: mode };
    return app.service.consume('someone', policies, options).then(
      ({ kind, source }) => (kind === 'unenforced' ? 'open' : source === 'local' ? 'local' : kind),
      (error: unknown) => (error instanceof BackendUnavailableError ? 'closed' : error),
    );
  };
  const policy = (failureMode?: FailureMode, more = {}) => ({
    rate: '9/m',
    name: `p-${failureMode ?? 'none'}`,
    ...(failureMode && { failureMode }),
    ...more,
  });

  it.each([
    { module: undefined, policies: [policy()], call: undefined, expected: 'closed' },
    { module: 'open', policies: [policy()], call: undefined, expected: 'open' },
    { module: 'open', policies: [policy('closed')], call: undefined, expected: 'closed' },
    { module: 'closed', policies: [policy('local')], call: undefined, expected: 'local' },
    { module: 'closed', policies: [policy('closed')], call: 'open', expected: 'open' },
    { module: 'open', policies: [policy('open')], call: 'local', expected: 'local' },
    { module: 'closed', policies: [policy('open'), policy('local')], call: undefined, expected: 'local' },
    {
      module: 'open',
      policies: [policy('open'), policy('local'), policy('closed')],
      call: undefined,
      expected: 'closed',
    },
    { module: 'local', policies: [policy('open'), policy()], call: undefined, expected: 'local' },
    {
      module: 'closed',
      policies: [policy('open'), policy('closed', { mode: 'shadow' })],
      call: undefined,
      expected: 'open',
    },
    { module: 'closed', policies: [policy('closed', { mode: 'shadow' })], call: undefined, expected: 'open' },
  ] as const)(
    'module $module, policies $policies, call $call: $expected',
    async ({ module, policies, call, expected }) => {
      await using app = await outage(module === undefined ? {} : { failureMode: module });
      expect(await kinds(app, [...policies], call)).toBe(expected);
    },
  );
});

describe('what no failure mode hides', () => {
  it.each(['closed', 'open', 'local'] as const)('%s: a limit that is exceeded', async (failureMode) => {
    await using app = await application({ failureMode });
    await app.service.consume('someone', '1/m');
    expect(await app.service.consume('someone', '1/m')).toMatchObject({ kind: 'limited', source: 'primary' });
  });

  it.each(['closed', 'open', 'local'] as const)('%s: a bug of the backend, in every verb', async (failureMode) => {
    await using app = await outage({ failureMode });
    const bug = (app.store.error = new TypeError('a bug'));
    await expect(app.service.consume('someone', '1/m')).rejects.toBe(bug);
    await expect(app.service.peek('someone', '1/m')).rejects.toBe(bug);
    await expect(app.service.refund('someone', '1/m')).rejects.toBe(bug);
    await expect(app.service.reset('someone', '1/m')).rejects.toBe(bug);
    expect(app.registry.get('backend:store')!.status()).toMatchObject({ state: 'closed', failureCount: 0 });
  });
});

describe('where a decision comes from', () => {
  it('names the member of a failover, and whether it is the first choice', async () => {
    const first = new ScriptedBackend('first');
    await using app = await application({ backend: failoverBackend([first, memoryBackend()]) });
    expect(await app.service.consume('someone', '3/m')).toMatchObject({ source: 'primary', backend: 'first' });
    first.error = refused();
    expect(await app.service.consume('someone', '3/m')).toMatchObject({ source: 'fallback', backend: 'memory' });
  });

  it.each(['closed', 'open', 'local'] as const)('a failover without a member left obeys %s', async (failureMode) => {
    const members = [new ScriptedBackend('first'), new ScriptedBackend('second')];
    await using app = await application({ backend: failoverBackend(members), failureMode });
    members.forEach((member) => (member.error = refused()));
    const outcome = app.service.consume('someone', '3/m');
    if (failureMode === 'closed') await expect(outcome).rejects.toMatchObject({ backend: 'failover' });
    else expect((await outcome).source).toBe(failureMode === 'open' ? 'none' : 'local');
  });

  it('lists members by their own names, each with its breaker, in status, health and registry', async () => {
    const first = new ScriptedBackend('first', { circuitBreaker: { failureThreshold: 7 } });
    const second = new ScriptedBackend('second', { circuitBreaker: false });
    await using app = await application({ backend: failoverBackend([first, second]) });
    first.error = refused();
    expect(app.service.status()).toMatchObject({
      failureMode: 'closed',
      backends: [
        { name: 'first', breaker: { name: 'backend:first', failureThreshold: 7 } },
        { name: 'second', breaker: null },
      ],
    });
    expect(await app.service.health()).toMatchObject({
      healthy: true,
      backends: [
        { name: 'first', healthy: false, error: 'ECONNREFUSED' },
        { name: 'second', healthy: true, breaker: null },
      ],
    });
    expect(app.registry.get('backend:first')).toBeDefined();
  });
});

describe('giving back during an outage', () => {
  it.each([
    ['closed', 'rejects'],
    ['open', 'passes'],
    ['local', 'passes'],
  ] as const)('%s: a refund %s', async (failureMode, outcome) => {
    await using app = await outage({ failureMode });
    const refund = app.service.refund('someone', '3/m');
    if (outcome === 'rejects') await expect(refund).rejects.toBeInstanceOf(BackendUnavailableError);
    else await expect(refund).resolves.toBeUndefined();
  });

  it('local: a refund goes to where a charge goes meanwhile', async () => {
    await using app = await outage({ failureMode: 'local' });
    await app.service.consume('someone', '3/m');
    await app.service.refund('someone', '3/m');
    expect(await app.service.peek('someone', '3/m')).toMatchObject({ policies: [{ remaining: 3 }] });
  });

  it('local: what was charged at the backend makes no quota here', async () => {
    await using app = await outage({ failureMode: 'local' });
    app.store.error = undefined;
    const lease = await app.service.acquire('someone', '3/m', { cost: 3 });
    app.store.error = refused();
    for (let call = 0; call < 3; call += 1) await app.service.consume('someone', '3/m');
    await lease.release();
    expect((await app.service.consume('someone', '3/m')).allowed).toBe(false);
  });

  it('local: what was charged here is given back here, even when the backend is back', async () => {
    await using app = await outage({ failureMode: 'local' });
    const lease = await app.service.acquire('someone', '3/m', { cost: 3 });
    await expect(app.service.acquire('someone', '3/m')).rejects.toBeInstanceOf(RateLimitExceededException);
    app.store.error = undefined;
    app.service.resetCircuitBreaker();
    await app.service.consume('someone', '3/m', { cost: 3 });
    await lease.release();
    expect((await app.service.consume('someone', '3/m')).allowed).toBe(false);
    app.store.error = refused();
    expect(await app.service.consume('someone', '3/m', { cost: 3 })).toMatchObject({ allowed: true, source: 'local' });
  });

  it('a reset rejects in every mode: nobody can forget for a backend that is away', async () => {
    for (const failureMode of ['closed', 'open', 'local'] as const) {
      await using app = await outage({ failureMode });
      await expect(app.service.reset('someone', '3/m')).rejects.toBeInstanceOf(BackendUnavailableError);
    }
  });
});

describe('the log of an outage', () => {
  it('has one warning at its start and one line at its end, however many calls fail', async () => {
    await using app = await outage({ failureMode: 'open', circuitBreaker: false });
    for (let call = 0; call < 100; call += 1) await app.service.consume('someone', '3/m');
    app.store.error = undefined;
    for (let call = 0; call < 100; call += 1) await app.service.consume('someone', '3/m');
    expect(app.lines).toEqual([
      "warn: Backend 'store' is unavailable (ECONNREFUSED). Failure mode 'open': calls pass without limits, unless a policy says otherwise.",
      expect.stringMatching(/^log: Backend 'store' is back after \d+\.\d s; failed calls: 100\.$/),
    ]);
  });

  it('has one warning for a backend that fails every other call', async () => {
    await using app = await outage({ failureMode: 'open' });
    for (let call = 0; call < 100; call += 1) {
      app.store.error = call % 2 === 0 ? refused() : undefined;
      await app.service.consume('someone', '300/m');
    }
    expect(app.lines.filter((line) => line.startsWith('warn'))).toHaveLength(1);
    expect(app.lines.filter((line) => line.startsWith('log'))).toHaveLength(1);
  });

  it('tells of an outage that began in the quiet time after another once that is over', async () => {
    let nowMs = 0;
    const clock = jest.spyOn(performance, 'now').mockImplementation(() => nowMs);
    await using app = await outage({ failureMode: 'open', circuitBreaker: false });
    const levels: string[][] = [];
    for (const [at, error] of [
      [0, refused()],
      [1_000, undefined],
      [2_000, refused()],
      [9_999, refused()],
      [10_000, refused()],
      [10_001, undefined],
    ] as const) {
      nowMs = at;
      app.store.error = error;
      await app.service.consume('someone', '300/m');
      levels.push(app.lines.splice(0).map((line) => line.split(':')[0]!));
    }
    clock.mockRestore();
    expect(levels).toEqual([['warn'], ['log'], [], [], ['warn'], ['log']]);
  });

  it('tells who counts meanwhile, and what happens when nobody is left', async () => {
    const members = [new ScriptedBackend('first'), new ScriptedBackend('second')];
    await using app = await application({ backend: failoverBackend(members), failureMode: 'local' });
    members[0]!.error = refused();
    await app.service.consume('someone', '3/m');
    members[1]!.error = refused();
    await app.service.consume('someone', '3/m');
    expect(app.lines).toEqual([
      "warn: Backend 'first' is unavailable (ECONNREFUSED). Meanwhile 'second' counts.",
      "warn: Backend 'second' is unavailable (ECONNREFUSED). Failure mode 'local': this process enforces the limits by itself, unless a policy says otherwise.",
    ]);
  });

  it('has nothing of an error that is a bug', async () => {
    await using app = await outage();
    app.store.error = new TypeError('a bug');
    await expect(app.service.consume('someone', '3/m')).rejects.toThrow();
    expect(app.lines).toEqual([]);
  });
});
