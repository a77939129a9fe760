import { jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { CircuitBreakerRegistry } from '../../../lib/breaker/breaker.registry.js';
import type { BreakerStateStore, CircuitReport } from '../../../lib/contracts/breaker-state.js';
import { RateLimitConfigurationError } from '../../../lib/contracts/errors.js';
import { BreakerStateSync } from '../../../lib/fleet/breaker-state.sync.js';
import type { RateLimitSettings } from '../../../lib/rate-limit.settings.js';
import { fakeClock } from '../../../lib/testing/index.js';

let resumes: readonly CircuitReport[];
let told: readonly CircuitReport[];
let lines: string[];
let sync: BreakerStateSync;
let registry: CircuitBreakerRegistry;

const store: BreakerStateStore = {
  name: 'test',
  open: (listener) => listener.resumed(resumes),
  tell: (reports) => void (told = reports),
  claim: () => undefined,
  settle: () => undefined,
  close: () => undefined,
};

beforeEach(() => {
  [resumes, told] = [[], []];
  lines = [];
  jest.spyOn(Logger.prototype, 'warn').mockImplementation((line: unknown) => void lines.push(`warn ${String(line)}`));
  jest.spyOn(Logger.prototype, 'log').mockImplementation((line: unknown) => void lines.push(`log ${String(line)}`));
  registry = new CircuitBreakerRegistry();
  sync = new BreakerStateSync({ breakerState: store } as RateLimitSettings, registry);
});

afterEach(async () => {
  await sync.stop();
  jest.restoreAllMocks();
});

const refused = (): Error => Object.assign(new Error('connect 10.0.0.7:6379'), { code: 'ECONNREFUSED' });

it('writes one warning for each outage, and one line at its end', async () => {
  await sync.start();
  for (let outage = 0; outage < 2; outage += 1) {
    sync.away(refused());
    sync.away(refused());
    sync.back();
    sync.back();
  }
  const warning = "warn Breaker state 'test': out of reach (ECONNREFUSED), each process goes on by itself.";
  const end = "log Breaker state 'test' is within reach again.";
  expect(lines).toEqual([warning, end, warning, end]);
});

it('names the code that a server put before its text', async () => {
  await sync.start();
  const error = Object.assign(new Error('WRONGPASS invalid username-password pair'), { name: 'ReplyError' });
  sync.away(error);
  expect(lines[0]).toContain('(WRONGPASS)');
});

it('tells how to mend what somebody has to mend', async () => {
  await sync.start();
  sync.away(new RateLimitConfigurationError('breakerState', '/tmp/floodgate-0', 'Remove it.'));
  expect(lines).toEqual([
    "warn Breaker state 'test': out of reach (breakerState: received '/tmp/floodgate-0'. Remove it.), " +
      'each process goes on by itself.',
  ]);
});

it('forgets in each outage what the others said', async () => {
  await sync.start();
  const breaker = registry.create('pay', { failureThreshold: 5 });
  for (let outage = 0; outage < 2; outage += 1) {
    sync.heard([{ circuit: 'pay', open: 1, hintForMs: 60_000 }]);
    sync.away(refused());
    breaker.tryAcquire()?.failure(refused());
    sync.back();
    expect(breaker.status().state).toBe('closed');
  }
});

it('goes by the clock of the package, which a fake clock moves', async () => {
  using clock = fakeClock();
  const report: CircuitReport = { circuit: 'pay', state: 'open', step: 1, tripCount: 1, dueInMs: 60_000 };
  resumes = [report];
  await sync.start();
  expect(told).toMatchObject([{ circuit: 'pay', state: 'kept', dueInMs: 60_000 }]);
  await clock.advance('20s');
  registry.create('another').forceOpen();
  expect(told.find(({ circuit }) => circuit === 'pay')?.dueInMs).toBe(40_000);
});
