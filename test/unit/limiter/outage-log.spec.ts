import { jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { install } from '@sinonjs/fake-timers';
import {
  BackendService,
  type BreakerTransition,
  CircuitBreakerRegistry,
  DeadlineExceededError,
  failoverBackend,
  type RateLimitEvent,
  RateLimitEvents,
  RateLimitModule,
} from 'nestjs-floodgate';
import { refused, ScriptedBackend } from './failover/scripted-backend.js';

async function linesOf(act: (registry: CircuitBreakerRegistry) => void): Promise<string[]> {
  const lines: string[] = [];
  const write = (line: unknown): void => void lines.push(String(line));
  const spies = [jest.spyOn(Logger.prototype, 'warn'), jest.spyOn(Logger.prototype, 'log')];
  spies.forEach((spy) => spy.mockImplementation(write));
  const app = await Test.createTestingModule({ imports: [RateLimitModule.forRoot()] }).compile();
  await app.init();
  act(app.get(CircuitBreakerRegistry));
  await app.close();
  spies.forEach((spy) => spy.mockRestore());
  return lines.filter((line) => line.startsWith('Circuit '));
}

describe('the log of circuits', () => {
  it("tells when a method's circuit opens", async () => {
    const lines = await linesOf((registry) => {
      const breaker = registry.getOrCreate('Partner.quote', { failureThreshold: 1 });
      breaker.tryAcquire()?.failure(new Error('down'));
    });
    expect(lines).toEqual(["Circuit 'Partner.quote' is open (tripped)."]);
  });

  it("tells when somebody opens a backend's, and leaves its outages to the backend's own lines", async () => {
    const lines = await linesOf((registry) => {
      const breaker = registry.get('backend:memory');
      for (let failure = 0; failure < 5; failure += 1) breaker?.tryAcquire()?.failure(new Error('down'));
      breaker?.reset();
      breaker?.forceOpen();
    });
    expect(lines).toEqual(["Circuit 'backend:memory' is open (forced)."]);
  });
});

it('is no listener for whose sake decisions are told', async () => {
  const app = await Test.createTestingModule({ imports: [RateLimitModule.forRoot()] }).compile();
  await app.init();
  expect(app.get(RateLimitEvents).heard).toBe(false);
});

describe('a line of the log', () => {
  const error = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  const transition = (breaker: string, to: BreakerTransition['to'], reason: string): RateLimitEvent =>
    ({ kind: 'breaker-transition', breaker, from: 'closed', to, reason, at: 0 }) as unknown as RateLimitEvent;
  const ended = (durationMs: number, failures: number): RateLimitEvent => ({
    kind: 'outage-ended',
    backend: 'memory',
    durationMs,
    failures,
  });

  /** What an application logs of events; a number is a pause, in ms. */
  async function logged(...events: readonly (RateLimitEvent | number)[]): Promise<readonly string[]> {
    const lines: string[] = [];
    const app = await Test.createTestingModule({ imports: [RateLimitModule.forRoot()] }).compile();
    await app.init();
    const write =
      (level: string) =>
      (...given: readonly unknown[]): void =>
        void lines.push(`${level}: [${String(given.at(-1))}] ${String(given[0])}`);
    app.useLogger({ log: write('log'), warn: write('warn'), error: write('error') });
    const clock = install({ toFake: ['performance'] });
    for (const event of events) {
      if (typeof event === 'number') clock.tick(event);
      else app.get(RateLimitEvents).emit(event);
    }
    clock.uninstall();
    app.useLogger(false);
    await app.close();
    return lines;
  }

  it.each([
    ['Partner.quote', 'open', 'tripped', ["warn: [RateLimit] Circuit 'Partner.quote' is open (tripped)."]],
    ['Partner.quote', 'open', 'forced', ["warn: [RateLimit] Circuit 'Partner.quote' is open (forced)."]],
    ['Partner.quote', 'open', 'probe-failed', []],
    ['Partner.quote', 'half-open', 'forced', []],
    ['Partner.quote', 'half-open', 'recovered', []],
    ['Partner.quote', 'closed', 'recovered', ["log: [RateLimit] Circuit 'Partner.quote' is closed."]],
    ['Partner.quote', 'closed', 'reset', []],
    ['backend:memory', 'open', 'tripped', []],
    ['backend:memory', 'open', 'forced', ["warn: [RateLimit] Circuit 'backend:memory' is open (forced)."]],
    ['backend:memory', 'closed', 'recovered', []],
  ] as const)('of circuit %s that is %s (%s): %j', async (breaker, to, reason, lines) => {
    expect(await logged(transition(breaker, to, reason))).toEqual(lines);
  });

  it('is one for an outage and one for its end, with how long it took', async () => {
    const failure: RateLimitEvent = { kind: 'backend-failure', backend: 'memory', error };
    expect(await logged(ended(5, 1), failure, failure, ended(1_549, 2), ended(5, 1))).toEqual([
      "warn: [RateLimit] Backend 'memory' is unavailable (ECONNREFUSED). Failure mode 'closed': limited routes answer 503, unless a policy says otherwise.",
      "log: [RateLimit] Backend 'memory' is back after 1.5 s; failed calls: 2.",
    ]);
  });

  it.each([
    ['the platform', () => new DOMException('aborted', 'TimeoutError')],
    ['a driver', () => Object.assign(new Error('Connection timeout'), { name: 'TimeoutError' })],
    ['this package', () => new DeadlineExceededError(50)],
  ])('has one word for answers that came too late, in the words of %s', async (_whose, late) => {
    const lines = await logged({ kind: 'backend-failure', backend: 'memory', error: late() });
    expect(lines).toEqual([expect.stringContaining('is unavailable (DEADLINE_EXCEEDED)')]);
  });

  it('does not call a command late whose connection has closed', async () => {
    // As ioredis says it.
    const aborted = Object.assign(new Error('Command aborted due to connection close'), { name: 'AbortError' });
    const lines = await logged({ kind: 'backend-failure', backend: 'memory', error: aborted });
    expect(lines).toEqual([expect.stringContaining('is unavailable (AbortError)')]);
  });

  it('is none for an outage, nor for its end, within ten seconds of the last warning', async () => {
    const failure: RateLimitEvent = { kind: 'backend-failure', backend: 'memory', error };
    const [warning, back] = [expect.stringContaining('is unavailable'), expect.stringContaining('is back')];
    const short = [failure, ended(5, 1)];
    expect(await logged(...short, 9_999, ...short)).toEqual([warning, back]);
    expect(await logged(...short, 10_000, ...short)).toEqual([warning, back, warning, back]);
    // One that lasts is told of once it has lasted so long.
    expect(await logged(...short, 9_999, failure, 1, failure, ended(5, 1))).toEqual([warning, back, warning, back]);
  });

  it('is none for other events', async () => {
    const started: RateLimitEvent = { kind: 'outage-started', backend: 'memory', error };
    expect(await logged(started, { kind: 'eviction', backend: 'memory', count: 1 })).toEqual([]);
  });
});

it('tells which backends count meanwhile', async () => {
  const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
  const members = ['first', 'second', 'third'].map((name) => new ScriptedBackend(name));
  const app = await Test.createTestingModule({
    imports: [RateLimitModule.forRoot({ backend: failoverBackend(members) })],
  }).compile();
  await app.init();
  members[1]!.error = members[0]!.error = refused();
  await app.get(BackendService).consume('someone', '3/m');
  const lines = warn.mock.calls.map(([line]) => String(line));
  warn.mockRestore();
  members.forEach((member) => (member.error = undefined));
  await app.close();
  expect(lines).toEqual([
    "Backend 'first' is unavailable (ECONNREFUSED). Meanwhile 'second', 'third' count.",
    "Backend 'second' is unavailable (ECONNREFUSED). Meanwhile 'third' counts.",
  ]);
});
