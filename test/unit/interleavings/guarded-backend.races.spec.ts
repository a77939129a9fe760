import { type Clock, install } from '@sinonjs/fake-timers';
import fc from 'fast-check';
import type { Backend, Reply } from '../../../lib/contracts/backend.js';
import { isBackendUnavailable, isDeadlineExceeded } from '../../../lib/contracts/errors.js';
import { GuardedBackend } from '../../../lib/limiter/guarded-backend.js';
import { prove } from '../../support/proof.js';
import { oneCall, refused } from '../limiter/failover/scripted-backend.js';

const TIMEOUT_MS = 5;
const BUG = new TypeError('bug');

interface Plan {
  /** When it is made. */
  readonly atMs: number;
  /** How long its answer takes; `undefined`: none ever comes. */
  readonly tookMs: number | undefined;
  readonly answer: 'reply' | 'down' | 'bug';
}

const plans = fc.array(
  fc.record({
    atMs: fc.nat(12),
    tookMs: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined, freq: 8 }),
    answer: fc.constantFrom('reply' as const, 'reply' as const, 'down' as const, 'bug' as const),
  }),
  { minLength: 1, maxLength: 8 },
);

let clock: Clock;
beforeEach(() => {
  clock = install({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'performance'] });
});
afterEach(() => clock.uninstall());

/** A backend whose answers come when the plan of the call says so. */
function planned(nextPlan: () => Plan): Backend {
  const consume = (): Promise<Reply> => {
    const { tookMs, answer } = nextPlan();
    return new Promise((resolve, reject) => {
      if (tookMs === undefined) return;
      setTimeout(() => {
        if (answer === 'reply') resolve({ allowed: true, nowMs: 0, policies: [] });
        else reject(answer === 'bug' ? BUG : refused());
      }, tookMs);
    });
  };
  return { name: 'far', consume, close: () => undefined } as unknown as Backend;
}

/** Whether an answer comes before the deadline; one that comes in the same millisecond may do either. */
const isInTime = ({ tookMs }: Plan): boolean => tookMs !== undefined && tookMs < TIMEOUT_MS;
const isLate = ({ tookMs }: Plan): boolean => tookMs === undefined || tookMs > TIMEOUT_MS;

const endOf = ({ atMs, tookMs = 0 }: Plan): number => atMs + tookMs;

it('answers each call once, by its answer or its deadline, and judges the backend by just that', async () => {
  const property = fc.asyncProperty(plans, fc.integer({ min: 1, max: 4 }), async (calls, failureThreshold) => {
    const startMs = clock.now;
    let present: Plan | undefined;
    const backend = planned(() => present as Plan);
    const guarded = new GuardedBackend(backend);
    const events: string[] = [];
    const endedMs: number[] = [];
    guarded.connect({
      circuitBreaker: { failureThreshold, recoveryTimeout: 3, jitter: 0, clock: () => clock.now },
      timeoutMs: 1_000,
      notify: ({ kind }) => {
        events.push(kind);
        if (kind === 'outage-ended') endedMs.push(clock.now - startMs);
      },
    });
    let failures = 0;
    const settled: { plan: Plan; afterMs: number; outcome: unknown; isOpen: boolean }[] = [];
    const made = calls
      .toSorted((one, other) => one.atMs - other.atMs)
      .map(async (plan) => {
        await new Promise<void>((resolve) => void setTimeout(resolve, plan.atMs));
        present = plan;
        const beganMs = clock.now;
        const { state, retryAfterMs } = guarded.breaker?.status() ?? { state: 'closed', retryAfterMs: 0 };
        const isOpen = state === 'open' && retryAfterMs > 0;
        let outcome: unknown;
        try {
          outcome = await guarded.consume({ ...oneCall(), timeoutMs: TIMEOUT_MS });
        } catch (error) {
          outcome = error;
        }
        settled.push({ plan, afterMs: clock.now - beganMs, outcome, isOpen });
      });
    while (settled.length < calls.length) await clock.tickAsync(1);
    await Promise.all(made);
    if (calls.every(isInTime)) expect(clock.countTimers()).toBe(0);
    expect(settled).toHaveLength(calls.length);
    for (const { plan, afterMs, outcome, isOpen } of settled) {
      const isRejected = isBackendUnavailable(outcome) && (outcome.cause as Error).name === 'CircuitOpenError';
      expect(isRejected || !isOpen).toBe(true);
      if (isRejected) {
        expect(afterMs).toBe(0);
        continue;
      }
      expect(afterMs).toBeLessThanOrEqual(TIMEOUT_MS + 1);
      const isTimedOut = isBackendUnavailable(outcome) && isDeadlineExceeded(outcome.cause);
      if (isInTime(plan)) {
        expect(afterMs).toBe(plan.tookMs);
        if (plan.answer === 'reply') expect(outcome).toMatchObject({ allowed: true });
        else if (plan.answer === 'bug') expect(outcome).toBe(BUG);
        else expect(isBackendUnavailable(outcome) && !isTimedOut).toBe(true);
      }
      if (isLate(plan)) expect(isTimedOut).toBe(true);
      if (isBackendUnavailable(outcome)) failures += 1;
    }
    // A late answer is no second outcome: one failure is told for each call that failed, and each outage ends once.
    const count = (kind: string): number => events.filter((one) => one === kind).length;
    expect(count('backend-failure')).toBe(failures);
    expect(count('outage-started') - count('outage-ended')).toBeGreaterThanOrEqual(0);
    expect(count('outage-started') - count('outage-ended')).toBeLessThanOrEqual(1);
    await clock.runAllAsync();
    expect(clock.countTimers()).toBe(0);
    // Only an answer in time ends an outage.
    const answeredMs = calls.filter((plan) => plan.answer === 'reply' && !isLate(plan)).map(endOf);
    expect(endedMs.filter((ms) => !answeredMs.includes(ms))).toEqual([]);
  });
  await prove(property, 400);
});
