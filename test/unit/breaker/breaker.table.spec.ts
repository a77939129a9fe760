import { Breaker, type BreakerOptions } from '../../../lib/breaker/breaker.js';
import type { BreakerTransition, Permit } from '../../../lib/contracts/breaker.js';
import { manualClock, type ManualClock } from '../../support/manual-clock.js';

const down = new Error('down');

describe('the table of states and events', () => {
  let clock: ManualClock;
  let heard: BreakerTransition[];
  beforeEach(() => {
    clock = manualClock();
    heard = [];
  });

  function breakerWith(options: BreakerOptions = {}): Breaker {
    const breaker = new Breaker({ name: 'b', clock, jitter: 0, ...options });
    breaker.onTransition((transition) => heard.push(transition));
    return breaker;
  }

  function permitOf(breaker: Breaker): Permit {
    const permit = breaker.tryAcquire();
    if (permit === undefined) throw new Error('expected a permit');
    return permit;
  }

  function failTimes(breaker: Breaker, times: number): void {
    for (let count = 0; count < times; count += 1) permitOf(breaker).failure(down);
  }

  function tripped(options: BreakerOptions = {}): Breaker {
    const breaker = breakerWith({ failureThreshold: 1, ...options });
    failTimes(breaker, 1);
    return breaker;
  }

  /** Half-open, with the probe that was let through. */
  function probing(options: BreakerOptions = {}): { breaker: Breaker; probe: Permit } {
    const breaker = tripped(options);
    clock.advance(breaker.status().retryAfterMs);
    return { breaker, probe: permitOf(breaker) };
  }

  describe('any', () => {
    it('an outcome whose permit is of an earlier generation: ignored, counted as late', () => {
      const breaker = breakerWith({ failureThreshold: 1 });
      const [slowSuccess, slowFailure] = [permitOf(breaker), permitOf(breaker)];
      failTimes(breaker, 1);
      slowSuccess.success();
      slowFailure.failure(down);
      expect(breaker.status()).toMatchObject({ state: 'open', tripCount: 1, lateOutcomes: 2, retryAfterMs: 60_000 });
    });

    it('a late success of a closed circuit does not close a half-open one', () => {
      const breaker = breakerWith({ failureThreshold: 1 });
      const slow = permitOf(breaker);
      failTimes(breaker, 1);
      clock.advance(60_000);
      const probe = permitOf(breaker);
      slow.success();
      expect(breaker.status()).toMatchObject({ state: 'half-open', lateOutcomes: 1 });
      probe.failure(down);
      expect(breaker.status().state).toBe('open');
    });

    it('an error that isFailure calls none: a success of a probe, which closes the circuit', () => {
      const { breaker, probe } = probing({ isFailure: (error) => error === down });
      expect(breaker.tryAcquire()).toBeUndefined();
      expect(probe.failure(new Error('not found'))).toBe(false);
      expect(breaker.status()).toMatchObject({ state: 'closed', lateOutcomes: 0 });
      expect(heard.at(-1)).toEqual({ breaker: 'b', from: 'half-open', to: 'closed', reason: 'recovered' });
    });

    it('an error that isFailure calls none: ends a run of failures', () => {
      const breaker = breakerWith({ failureThreshold: 2, isFailure: (error) => error === down });
      failTimes(breaker, 1);
      permitOf(breaker).failure(new Error('not found'));
      expect(breaker.status().failureCount).toBe(0);
      failTimes(breaker, 1);
      expect(breaker.status().state).toBe('closed');
    });

    it('an error that isFailure calls none: added to the window as a success', () => {
      const breaker = breakerWith({
        isFailure: (error) => error === down,
        trip: { kind: 'rate', failureRate: 0.5, minimumCalls: 4, window: '10s' },
      });
      for (let count = 0; count < 4; count += 1) permitOf(breaker).failure(new Error('not found'));
      failTimes(breaker, 3);
      expect(breaker.status().state).toBe('closed');
      failTimes(breaker, 1);
      expect(breaker.status().state).toBe('open');
    });

    it('an error that isFailure calls none: slow all the same, to the rule for slow calls', () => {
      const breaker = breakerWith({
        isFailure: (error) => error === down,
        trip: { kind: 'slow', slowCall: '1s', slowRate: 1, minimumCalls: 2, window: '10s' },
      });
      for (let count = 0; count < 2; count += 1) {
        const permit = permitOf(breaker);
        clock.advance(1_000);
        permit.failure(new Error('not found'));
      }
      expect(breaker.status().state).toBe('open');
    });

    it('an error that isFailure calls none: late like any outcome', () => {
      const breaker = breakerWith({ failureThreshold: 1, isFailure: (error) => error === down });
      const slow = permitOf(breaker);
      failTimes(breaker, 1);
      expect(slow.failure(new Error('not found'))).toBe(false);
      expect(breaker.status()).toMatchObject({ state: 'open', lateOutcomes: 1 });
    });

    it.each([
      ['a result that isFailureResult calls one: a failure', 503, 'open'],
      ['a result that isFailureResult cannot judge: a failure', null, 'open'],
      ['any other result: a success', 200, 'closed'],
      ['no result given: a success', undefined, 'closed'],
    ])('%s', (_what, status, state) => {
      const breaker = breakerWith({
        failureThreshold: 1,
        isFailureResult: (result) => (result as { status: number }).status >= 500,
      });
      const permit = permitOf(breaker);
      const result = status === null ? undefined : { status };
      expect(status === undefined ? permit.success() : permit.success(result)).toBe(state === 'closed');
      expect(breaker.status().state).toBe(state);
    });

    it("the caller's abort: slot freed, no verdict", async () => {
      const breaker = tripped();
      clock.advance(60_000);
      const caller = new AbortController();
      const probe = breaker.execute(() => new Promise(() => undefined), { signal: caller.signal });
      expect(breaker.tryAcquire()).toBeUndefined();
      caller.abort(new Error('gone'));
      await expect(probe).rejects.toThrow('gone');
      expect(breaker.status()).toMatchObject({ state: 'half-open', lateOutcomes: 0 });
      expect(breaker.tryAcquire()).toBeDefined();
    });

    it('release(): slot freed, no verdict', () => {
      const { breaker, probe } = probing();
      expect(breaker.tryAcquire()).toBeUndefined();
      probe.release();
      expect(breaker.status().state).toBe('half-open');
      expect(breaker.tryAcquire()).toBeDefined();
    });

    it('reset(): closed, and the backoff starts over', () => {
      const { breaker, probe } = probing();
      probe.failure(down);
      expect(breaker.status().retryAfterMs).toBe(120_000);
      breaker.reset();
      expect(breaker.status()).toMatchObject({ state: 'closed', nextAttemptAt: null, retryAfterMs: 0 });
      failTimes(breaker, 1);
      expect(breaker.status().retryAfterMs).toBe(60_000);
    });

    it('reset() of a closed circuit too makes the outcomes of calls in flight late', () => {
      const breaker = breakerWith({ failureThreshold: 2 });
      const inFlight = [permitOf(breaker), permitOf(breaker)];
      breaker.reset();
      for (const permit of inFlight) permit.failure(down);
      expect(breaker.status()).toMatchObject({ state: 'closed', failureCount: 0, lateOutcomes: 2 });
    });

    it('configure(): state and backoff kept', () => {
      const { breaker, probe } = probing();
      breaker.configure({ failureThreshold: 9 });
      expect(breaker.status()).toMatchObject({ state: 'half-open', failureThreshold: 9 });
      probe.failure(down);
      breaker.configure({ failureThreshold: 3 });
      expect(breaker.status()).toMatchObject({ state: 'open', tripCount: 2, retryAfterMs: 120_000 });
    });

    it('configure(): what was counted is kept', () => {
      const breaker = breakerWith();
      failTimes(breaker, 2);
      breaker.configure({ failureThreshold: 3 });
      expect(breaker.status().failureCount).toBe(2);
      failTimes(breaker, 1);
      expect(breaker.status().state).toBe('open');
    });

    it('configure(): an open period may become shorter, never longer', () => {
      const breaker = tripped();
      clock.advance(10_000);
      breaker.configure({ recoveryTimeout: '10m' });
      expect(breaker.status().retryAfterMs).toBe(50_000);
      breaker.configure({ recoveryTimeout: '30s' });
      expect(breaker.status().retryAfterMs).toBe(20_000);
    });
  });

  describe('CLOSED', () => {
    it('success: the run of failures is over', () => {
      const breaker = breakerWith({ failureThreshold: 3 });
      failTimes(breaker, 2);
      permitOf(breaker).success();
      expect(breaker.status().failureCount).toBe(0);
      failTimes(breaker, 2);
      expect(breaker.status()).toMatchObject({ state: 'closed', failureCount: 2 });
    });

    it('success: added to the window', () => {
      const breaker = breakerWith({ trip: { kind: 'rate', failureRate: 0.5, minimumCalls: 4, window: '10s' } });
      for (let count = 0; count < 4; count += 1) permitOf(breaker).success();
      failTimes(breaker, 3);
      expect(breaker.status()).toMatchObject({ state: 'closed', failureCount: 3 });
      failTimes(breaker, 1);
      expect(breaker.status().state).toBe('open');
    });

    it('failure: counted, and at the trip rule the circuit opens for the first period', () => {
      const breaker = breakerWith();
      failTimes(breaker, 4);
      expect(breaker.status()).toMatchObject({ state: 'closed', failureCount: 4, tripCount: 0, nextAttemptAt: null });
      failTimes(breaker, 1);
      expect(breaker.status()).toMatchObject({ state: 'open', failureCount: 0, tripCount: 1, retryAfterMs: 60_000 });
      expect(heard).toEqual([{ breaker: 'b', from: 'closed', to: 'open', reason: 'tripped' }]);
    });

    it('resetTimeout without a trip: the backoff starts over', () => {
      const { breaker, probe } = probing();
      probe.success();
      clock.advance(299_999);
      failTimes(breaker, 1);
      expect(breaker.status().retryAfterMs).toBe(120_000);
      clock.advance(120_000);
      permitOf(breaker).success();
      clock.advance(300_000);
      failTimes(breaker, 1);
      expect(breaker.status()).toMatchObject({ retryAfterMs: 60_000, tripCount: 3 });
    });
  });

  describe('OPEN', () => {
    it('acquire before openUntil: rejected at once, with the time that is left', async () => {
      const breaker = tripped();
      clock.advance(59_999);
      expect(breaker.tryAcquire()).toBeUndefined();
      let made = false;
      const rejected = breaker.execute(() => {
        made = true;
      });
      await expect(rejected).rejects.toMatchObject({ code: 'CIRCUIT_OPEN', breaker: 'b', retryAfterMs: 1 });
      expect(made).toBe(false);
      expect(breaker.rejection()).toMatchObject({ retryAfterMs: 1 });
      expect(breaker.status().state).toBe('open');
    });

    it('acquire when due: half-open, a slot', () => {
      const breaker = tripped();
      clock.advance(60_000);
      expect(breaker.status()).toMatchObject({ state: 'open', retryAfterMs: 0 });
      expect(breaker.tryAcquire()).toBeDefined();
      expect(breaker.status()).toMatchObject({ state: 'half-open', nextAttemptAt: null });
      expect(heard.at(-1)).toEqual({ breaker: 'b', from: 'open', to: 'half-open', reason: 'due' });
    });

    it('hasten(): due at once, and the period counts in the backoff all the same', () => {
      const breaker = tripped();
      clock.advance(5_000);
      breaker.hasten();
      expect(breaker.status()).toMatchObject({ state: 'open', retryAfterMs: 0 });
      permitOf(breaker).failure(down);
      expect(breaker.status()).toMatchObject({ state: 'open', tripCount: 2, retryAfterMs: 120_000 });
    });

    it('hasten(): later after each failed probe, up to recoveryTimeout', () => {
      const breaker = tripped({ recoveryTimeout: '10s', backoffMax: '1h' });
      const waitsMs = [1, 2, 3, 4, 5, 6].map(() => {
        breaker.hasten();
        const { retryAfterMs } = breaker.status();
        clock.advance(retryAfterMs);
        permitOf(breaker).failure(down);
        return retryAfterMs;
      });
      expect(waitsMs).toEqual([0, 1_000, 3_000, 7_000, 10_000, 10_000]);
    });

    it('hasten(): the backoff is the same after other options and after a snapshot', () => {
      const breaker = tripped({ backoffMultiplier: 100, backoffMax: '5h' });
      breaker.hasten();
      breaker.configure({ failureThreshold: 3 });
      expect(breaker.status().retryAfterMs).toBe(0);
      breaker.restore(breaker.snapshot());
      permitOf(breaker).failure(down);
      expect(breaker.status().retryAfterMs).toBe(6_000_000);
    });

    it('isOverdue(): once a probe has been due for backoffMax, and in no other state', () => {
      const breaker = tripped({ backoffMax: '5m' });
      clock.advance(359_999);
      expect(breaker.isOverdue()).toBe(false);
      clock.advance(1);
      expect(breaker.isOverdue()).toBe(true);
      permitOf(breaker);
      expect(breaker.isOverdue()).toBe(false);
    });

    it('hasten(): no sooner than a second after a probe failed, and never later than it was', () => {
      const breaker = tripped();
      breaker.hasten();
      permitOf(breaker).failure(down);
      clock.advance(400);
      breaker.hasten();
      breaker.hasten();
      expect(breaker.status().retryAfterMs).toBe(600);
      const brief = tripped({ recoveryTimeout: 100 });
      brief.hasten();
      permitOf(brief).failure(down);
      brief.hasten();
      expect(brief.status().retryAfterMs).toBe(100);
    });

    it('hasten() changes nothing in any other state', () => {
      const { breaker, probe } = probing();
      breaker.hasten();
      expect(breaker.status().state).toBe('half-open');
      probe.success();
      breaker.hasten();
      expect(breaker.status().state).toBe('closed');
      breaker.forceOpen();
      breaker.hasten();
      expect(breaker.tryAcquire()).toBeUndefined();
    });
  });

  describe('HALF_OPEN', () => {
    it('acquire, slots free: a slot whose lease is twice callTimeout', () => {
      const { breaker } = probing({ halfOpenMaxCalls: 2, callTimeout: '5s' });
      expect(breaker.tryAcquire()).toBeDefined();
      clock.advance(9_999);
      expect(breaker.tryAcquire()).toBeUndefined();
      expect(breaker.status().state).toBe('half-open');
      clock.advance(1);
      expect(breaker.tryAcquire()).toBeUndefined();
      expect(breaker.status().state).toBe('open');
    });

    it('acquire, slots free: a slot whose lease is recoveryTimeout where there is no callTimeout', () => {
      const { breaker } = probing({ recoveryTimeout: '20s' });
      clock.advance(19_999);
      expect(breaker.tryAcquire()).toBeUndefined();
      expect(breaker.status().state).toBe('half-open');
      clock.advance(1);
      expect(breaker.tryAcquire()).toBeUndefined();
      expect(breaker.status().state).toBe('open');
    });

    it('acquire, full: rejected at once, never queued', async () => {
      const { breaker, probe } = probing();
      let made = false;
      const rejected = breaker.execute(() => {
        made = true;
      });
      await expect(rejected).rejects.toMatchObject({ code: 'CIRCUIT_OPEN', retryAfterMs: 0 });
      probe.success();
      await Promise.resolve();
      expect(made).toBe(false);
    });

    it('a lease runs out: open, one step further', () => {
      const { breaker, probe } = probing();
      clock.advance(60_000);
      expect(breaker.tryAcquire()).toBeUndefined();
      expect(breaker.status()).toMatchObject({ state: 'open', tripCount: 2, retryAfterMs: 120_000 });
      expect(heard.at(-1)).toEqual({ breaker: 'b', from: 'half-open', to: 'open', reason: 'probe-lost' });
      probe.success();
      expect(breaker.status()).toMatchObject({ state: 'open', lateOutcomes: 1 });
      clock.advance(120_000);
      expect(breaker.tryAcquire()).toBeDefined();
    });

    it('a lease runs out: seen by an outcome too, and the open period counts from then', () => {
      const { breaker, probe } = probing();
      clock.advance(70_000);
      probe.success();
      expect(breaker.status()).toMatchObject({ state: 'open', lateOutcomes: 1, retryAfterMs: 110_000 });
    });

    it('success x successThreshold: closed, and the backoff is kept', () => {
      const { breaker, probe } = probing({ successThreshold: 2 });
      probe.success();
      expect(breaker.status().state).toBe('half-open');
      permitOf(breaker).success();
      expect(breaker.status().state).toBe('closed');
      expect(heard.at(-1)).toEqual({ breaker: 'b', from: 'half-open', to: 'closed', reason: 'recovered' });
      failTimes(breaker, 1);
      expect(breaker.status().retryAfterMs).toBe(120_000);
    });

    it('failure: open, one step further', () => {
      const { breaker, probe } = probing();
      probe.failure(down);
      expect(breaker.status()).toMatchObject({ state: 'open', tripCount: 2, retryAfterMs: 120_000 });
      expect(heard.at(-1)).toEqual({ breaker: 'b', from: 'half-open', to: 'open', reason: 'probe-failed' });
    });
  });

  it('each open period is longer than the last, up to backoffMax', () => {
    const breaker = tripped();
    const periods = [breaker.status().retryAfterMs];
    for (let count = 0; count < 4; count += 1) {
      clock.advance(breaker.status().retryAfterMs);
      permitOf(breaker).failure(down);
      periods.push(breaker.status().retryAfterMs);
    }
    expect(periods).toEqual([60_000, 120_000, 240_000, 300_000, 300_000]);
  });

  it('configure() keeps the jitter that was drawn for an open period', () => {
    const breaker = tripped({ jitter: 0.25, random: () => 0.5 });
    breaker.configure({ recoveryTimeout: '10s' });
    expect(breaker.status().retryAfterMs).toBe(8_750);
    breaker.configure({ recoveryTimeout: '60s', jitter: 0.25 });
    expect(breaker.status().retryAfterMs).toBe(8_750);
  });

  it('jitter takes its share off an open period', () => {
    const breaker = tripped({ jitter: 0.25, random: () => 0.5 });
    expect(breaker.status().retryAfterMs).toBe(52_500);
  });
});
