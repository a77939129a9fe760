import { Controller, Get, Injectable } from '@nestjs/common';
import {
  type Backend,
  BackendService,
  CircuitBreaker,
  CircuitBreakerRegistry,
  type Decision,
  failoverBackend,
  memoryBackend,
  Paced,
  RateLimit,
  RateLimitEvents,
  RateLimitExceededException,
  RateLimitModule,
  type RateLimitModuleOptions,
  RateLimitPolicies,
} from 'nestjs-floodgate';
import { expectLimited, fakeClock, type FakeClock, faultyBackend, resetAll } from 'nestjs-floodgate/testing';
import { CLEAR } from '../../../lib/contracts/clearable.js';
import { type HttpApp, startHttpApp } from '../../support/http-app.js';

@Controller()
class Cats {
  @RateLimit('3/m')
  @Get('cats')
  all(): string {
    return 'cats';
  }
}

@Injectable()
class Partner {
  calls = 0;

  @CircuitBreaker({ failureThreshold: 1, recoveryTimeout: '60s', jitter: 0 })
  ask(): string {
    this.calls += 1;
    if (this.calls === 1) throw new Error('down');
    return 'up';
  }

  @Paced('1/m', { maxWait: '10m' })
  async push(): Promise<void> {
    this.calls += 1;
  }
}

let app: HttpApp | undefined;
let clock: FakeClock | undefined;

afterEach(async () => {
  await app?.[Symbol.asyncDispose]();
  clock?.restore();
  app = clock = undefined;
});

async function start(options: RateLimitModuleOptions = {}): Promise<HttpApp> {
  const imports = [RateLimitModule.forRoot(options)];
  app = await startHttpApp('express', { imports, controllers: [Cats], providers: [Partner] });
  return app;
}

const cats = (): Promise<Response> => fetch(`${app?.url}/cats`);

describe('fakeClock', () => {
  it('moves the windows of the default backend', async () => {
    clock = fakeClock();
    await start();
    await expectLimited(cats, { after: 3 });
    await clock.advance('2m');
    await expectLimited(cats, { after: 3 });
  });

  it('begins at the time that it is given, and stands still', async () => {
    clock = fakeClock({ now: new Date('2026-03-01T00:00:00Z') });
    expect(clock()).toBe(Date.UTC(2026, 2, 1));
    expect(memoryBackend().peek({ charges: [], timeoutMs: 1 })).toMatchObject({ nowMs: Date.UTC(2026, 2, 1) });
    await clock.advance(1_500);
    expect(clock()).toBe(Date.UTC(2026, 2, 1) + 1_500);
  });

  it('moves the circuits of methods and of backends, and the length of outages', async () => {
    clock = fakeClock();
    const backend = faultyBackend();
    await start({ backend, failureMode: 'open' });
    const service = app!.app.get(BackendService);
    const lengths: number[] = [];
    app!.app.get(RateLimitEvents).on((event) => {
      if (event.kind === 'outage-ended') lengths.push(event.durationMs);
    });
    const partner = app!.app.get(Partner);
    expect(() => partner.ask()).toThrow('down');
    expect(() => partner.ask()).toThrow('is open');
    backend.fail();
    for (let call = 0; call < 6; call += 1) await service.consume('key', '3/m');
    expect(backend.calls).toBe(5);
    backend.work();
    const breakers = app!.app.get(CircuitBreakerRegistry);
    expect(breakers.get('Partner.ask')?.status().nextAttemptAt).toEqual(new Date(clock() + 60_000));
    await clock.advance('1m');
    expect(partner.ask()).toBe('up');
    expect(await service.consume('key', '3/m')).toMatchObject({ kind: 'allowed' });
    expect(lengths).toEqual([60_000]);
  });

  it('moves failback', async () => {
    clock = fakeClock();
    const first = faultyBackend({ name: 'first' });
    const backend = failoverBackend([first, memoryBackend({ name: 'second' })]);
    await start({ backend });
    const service = app!.app.get(BackendService);
    const from = async (): Promise<string | null> => (await service.consume('key', '100/m')).backend;
    first.fail();
    for (let call = 0; call < 6; call += 1) expect(await from()).toBe('second');
    first.work();
    for (let probe = 0; probe < 3; probe += 1) {
      expect(await from()).toBe('second');
      await clock.advance('1s');
    }
    await from();
    expect(await from()).toBe('first');
  });

  it('wakes calls that wait, one after another', async () => {
    clock = fakeClock();
    await start();
    const partner = app!.app.get(Partner);
    const all = [partner.push(), partner.push(), partner.push()];
    await all[0];
    await clock.advance(1);
    expect(partner.calls).toBe(1);
    await clock.advance('10m');
    await Promise.all(all);
    expect(partner.calls).toBe(3);
  });

  it('ends overrides and the wait for a slot', async () => {
    clock = fakeClock();
    await start({
      policies: { api: '3/m', slots: { algorithm: 'concurrency', limit: 1, queue: { size: 1, maxWait: '5s' } } },
    });
    const policies = app!.app.get(RateLimitPolicies);
    const service = app!.app.get(BackendService);
    await policies.override('api', 'key', 'blocked', { until: clock() + 60_000 });
    expect(await service.consume('key', 'api')).toMatchObject({ kind: 'limited', retryAfterMs: 60_000 });
    const lease = await service.acquire('key', 'slots');
    const waiting = service.acquire('key', 'slots').catch((error: unknown) => error);
    await clock.advance('1m');
    expect(await waiting).toBeInstanceOf(RateLimitExceededException);
    expect(await service.consume('key', 'api')).toMatchObject({ kind: 'allowed' });
    await lease.release();
  });

  it('is there once, and gives the real time back', () => {
    clock = fakeClock({ now: 0 });
    expect(() => fakeClock()).toThrow('restore()');
    clock.restore();
    {
      using second = fakeClock({ now: 5 });
      expect(second()).toBe(5);
      clock.restore(); // not its own any more
      expect(() => fakeClock()).toThrow('restore()');
    }
    expect(memoryBackend().peek({ charges: [], timeoutMs: 1 })).toMatchObject({
      nowMs: expect.closeTo(Date.now(), -5) as number,
    });
  });
});

describe('faultyBackend', () => {
  const status = async (): Promise<number> => (await cats()).status;

  it('fails, hangs, is slow and works again', async () => {
    const backend = faultyBackend();
    await start({ backend, timeout: 50, circuitBreaker: false });
    expect(await status()).toBe(200);
    backend.fail();
    expect(await status()).toBe(503);
    backend.hang();
    expect(await status()).toBe(503);
    backend.slow('5ms');
    expect(await status()).toBe(200);
    backend.slow('10s');
    expect(await status()).toBe(503);
    backend.fail(new TypeError('a bug'));
    expect(await status()).toBe(500);
    backend.work();
    expect(await status()).toBe(200);
    expect(backend.calls).toBe(7);
  });

  it('goes by a script, once or over and over again', async () => {
    const backend = faultyBackend();
    await start({ backend, circuitBreaker: false });
    backend.script(['fail', 'work', 'fail']);
    expect([await status(), await status(), await status(), await status()]).toEqual([503, 200, 503, 503]);
    backend.flap();
    expect([await status(), await status(), await status(), await status()]).toEqual([503, 200, 503, 200]);
    expect(() => backend.script([])).toThrow('at least one');
  });

  it('takes the name and the abilities of what does the work', () => {
    const inner = Object.assign(memoryBackend({ name: 'inner' }), { capabilities: { algorithms: ['sliding-window'] } });
    expect(faultyBackend({ backend: inner })).toMatchObject({ name: 'inner', capabilities: inner.capabilities });
    expect(faultyBackend({ name: 'other' })).toMatchObject({ name: 'other' });
  });
});

describe('expectLimited', () => {
  const statuses = (...list: number[]) => {
    return (number: number): { status: number } => ({ status: list[number - 1] as number });
  };

  it('takes responses of any client, decisions and errors', async () => {
    const decision = (kind: string) => ({ kind, allowed: kind !== 'limited', policies: [] }) as unknown as Decision;
    await expectLimited(statuses(200, 401, 429), { after: 2 });
    await expectLimited((number) => ({ statusCode: number === 1 ? 204 : 429 }), { after: 1 });
    await expectLimited((number) => decision(number < 3 ? 'allowed' : 'limited'), { after: 2 });
    const thrown = Object.assign(new Error('limited'), { status: 429 });
    expect(await expectLimited(() => Promise.reject(thrown))).toBe(thrown);
  });

  it('tells which call went another way', async () => {
    await expect(expectLimited(statuses(200, 429, 429), { after: 2 })).rejects.toThrow('Call 2 of 2 did not pass');
    await expect(expectLimited(statuses(200, 503), { after: 2 })).rejects.toThrow('its status is 503');
    await expect(expectLimited(statuses(200, 200, 200), { after: 2 })).rejects.toThrow('Call 3 was not limited');
    await expect(expectLimited(statuses(503))).rejects.toThrow('Call 1 was not limited');
    const silent = { status: 429, headers: new Headers() };
    await expect(expectLimited(() => silent)).rejects.toThrow('without a Retry-After');
    await expect(expectLimited(() => ({ status: 429, headers: {} }))).rejects.toThrow('without a Retry-After');
    await expect(expectLimited(() => Promise.reject(new TypeError('a bug')))).rejects.toThrow('a bug');
  });
});

describe('resetAll', () => {
  it('forgets counters, circuits, changes of policies and faults', async () => {
    const backend = faultyBackend();
    await start({ backend, failureMode: 'local', policies: { api: '5/m' } });
    const { app: nest } = app!;
    const partner = nest.get(Partner);
    await expectLimited(cats, { after: 3 });
    expect(() => partner.ask()).toThrow('down');
    await nest.get(RateLimitPolicies).override('api', 'key', 'blocked');
    await nest.get(RateLimitPolicies).shadow(true);
    backend.fail();
    for (let call = 0; call < 10; call += 1) await nest.get(BackendService).consume('local', '3/m');

    await resetAll(nest);
    expect(backend.calls).toBe(0);
    await expectLimited(cats, { after: 3 });
    expect(partner.ask()).toBe('up');
    expect(nest.get(RateLimitPolicies).overrides()).toEqual([]);
    backend.fail();
    await expectLimited(() => nest.get(BackendService).consume('local', '3/m'), { after: 3 });
  });

  it('says of which backend it cannot forget the counters', async () => {
    const elsewhere: Backend = Object.create(memoryBackend({ name: 'elsewhere' }), { [CLEAR]: { value: undefined } });
    await start({ backend: elsewhere });
    await expect(resetAll(app!.app)).rejects.toThrow("counters of 'elsewhere'");
  });
});
