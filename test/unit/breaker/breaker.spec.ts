import { addAbortListener, EventEmitter, getEventListeners, once } from 'node:events';
import { addAbortSignal, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { Breaker, type BreakerOptions } from '../../../lib/breaker/breaker.js';
import type { BreakerSnapshot, BreakerTransition, Permit } from '../../../lib/contracts/breaker.js';
import { CircuitOpenError, DeadlineExceededError, RateLimitConfigurationError } from '../../../lib/contracts/errors.js';
import { manualClock, type ManualClock } from '../../support/manual-clock.js';
import { collectUnhandled, expectNoUnhandled } from '../../support/unhandled.js';
import { spawnWorkers } from '../../support/child-process.js';
import { AWAITED, type default as awaitCall } from './workers/awaited-calls.worker.js';
import type listenForever from './workers/idle-signals.worker.js';
import type leaveOpenBreakers from './workers/open-breakers.worker.js';

const down = new Error('down');
const never = new Promise<never>(() => undefined);

let clock: ManualClock;
beforeEach(() => {
  clock = manualClock();
});

function breakerWith(options: BreakerOptions = {}): Breaker {
  return new Breaker({ name: 'b', clock, jitter: 0, ...options });
}

function permitOf(breaker: Breaker): Permit {
  const permit = breaker.tryAcquire();
  if (permit === undefined) throw new Error('expected a permit');
  return permit;
}

function tripped(options: BreakerOptions = {}): Breaker {
  const breaker = breakerWith({ failureThreshold: 1, ...options });
  permitOf(breaker).failure(down);
  return breaker;
}

describe('execute', () => {
  it('answers what the function returns, by promise or at once', async () => {
    const breaker = breakerWith();
    await expect(breaker.execute(async () => 'later')).resolves.toBe('later');
    await expect(breaker.execute(() => 'now')).resolves.toBe('now');
    await expect(breaker.execute(() => undefined)).resolves.toBeUndefined();
  });

  it('rejects with the very error that the function throws, by promise or at once, and counts it', async () => {
    const breaker = breakerWith();
    await expect(breaker.execute(() => Promise.reject(down))).rejects.toBe(down);
    const thrown = breaker.execute(() => {
      throw down;
    });
    await expect(thrown).rejects.toBe(down);
    expect(breaker.status().failureCount).toBe(2);
  });

  it('awaits what merely has a then', async () => {
    const breaker = breakerWith();
    const thenable: PromiseLike<string> = {
      then: (resolved, rejected) => Promise.resolve('built').then(resolved, rejected),
    };
    await expect(breaker.execute(() => thenable)).resolves.toBe('built');
  });

  it('leaves a failure that its caller does not handle to be reported once, and nothing else', async () => {
    const breaker = breakerWith();
    const { unhandled } = await collectUnhandled(() => void breaker.execute(() => Promise.reject(down)));
    expect(unhandled).toEqual([down]);
    await expectNoUnhandled(() => breaker.execute(() => Promise.reject(down)).catch(() => undefined));
  });

  it('leaves a rejection that its caller does not handle to be reported once, and nothing else', async () => {
    const breaker = tripped();
    const { unhandled } = await collectUnhandled(() => void breaker.execute(() => 1));
    expect(unhandled).toEqual([expect.any(CircuitOpenError)]);
    await expectNoUnhandled(() => breaker.execute(() => 1).catch(() => undefined));
  });

  it('hears every call in the period that made it, those of one period alike', async () => {
    const breaker = breakerWith();
    const fails: ((error: Error) => void)[] = [];
    const fail = (): Promise<never> => new Promise((_resolve, reject) => fails.push(reject));
    const early = [breaker.execute(fail), breaker.execute(fail)];
    breaker.reset();
    const late = [breaker.execute(fail), breaker.execute(fail)];
    fails.forEach((reject) => reject(down));
    await Promise.allSettled([...early, ...late]);
    expect(breaker.status()).toMatchObject({ failureCount: 2, lateOutcomes: 2 });
  });

  it('clears by a success the failures of calls that began after it', async () => {
    const breaker = breakerWith();
    let answer: (value: string) => void = () => undefined;
    const slow = breaker.execute(() => new Promise<string>((resolve) => (answer = resolve)));
    await breaker.execute(() => Promise.reject(down)).catch(() => undefined);
    expect(breaker.status().failureCount).toBe(1);
    answer('ok');
    await slow;
    expect(breaker.status().failureCount).toBe(0);
  });

  it('rejects while open with an error that has no stack', async () => {
    const error: unknown = await tripped()
      .execute(() => 1)
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(CircuitOpenError);
    expect((error as CircuitOpenError).stack).not.toMatch(/\n\s+at /);
  });

  it('lets exactly halfOpenMaxCalls of 1,000 concurrent callers through at recovery, and refuses the rest at once', async () => {
    const breaker = tripped({ halfOpenMaxCalls: 3, successThreshold: 3 });
    clock.advance(60_000);
    let made = 0;
    let answer: (value: string) => void = () => undefined;
    const answered = new Promise<string>((resolve) => (answer = resolve));
    const calls = Array.from({ length: 1_000 }, () =>
      breaker.execute(() => {
        made += 1;
        return answered;
      }),
    );
    const outcomes = Promise.allSettled(calls);
    const refused: unknown[] = [];
    for (const call of calls) call.catch((error: unknown) => refused.push(error));
    await new Promise((resolve) => setImmediate(resolve));
    expect(made).toBe(3);
    expect(refused).toHaveLength(997);
    answer('ok');
    expect((await outcomes).filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    expect(breaker.status().state).toBe('closed');
  });
});

describe('a deadline and a caller', () => {
  it('fails a call at callTimeout, aborts its signal, and counts it whatever isFailure says', async () => {
    const breaker = new Breaker({ failureThreshold: 1, callTimeout: 5, isFailure: () => false });
    let signal: AbortSignal | undefined;
    const call = breaker.execute((given) => {
      signal = given;
      return never;
    });
    await expect(call).rejects.toBeInstanceOf(DeadlineExceededError);
    await expect(call).rejects.toMatchObject({ timeoutMs: 5 });
    expect(signal?.aborted).toBe(true);
    expect(signal?.reason).toBeInstanceOf(DeadlineExceededError);
    expect(breaker.status().state).toBe('open');
  });

  it('drops what still comes of a call after its deadline', async () => {
    const breaker = new Breaker({ callTimeout: 5 });
    await expectNoUnhandled(async () => {
      let fail: (error: Error) => void = () => undefined;
      const late = new Promise<never>((_resolve, reject) => (fail = reject));
      await expect(breaker.execute(() => late)).rejects.toBeInstanceOf(DeadlineExceededError);
      fail(down);
    });
    expect(breaker.status()).toMatchObject({ failureCount: 1, lateOutcomes: 0 });
  });

  it('answers in time as if there were no deadline', async () => {
    const breaker = new Breaker({ callTimeout: '1m' });
    await expect(breaker.execute(async () => 'ok')).resolves.toBe('ok');
    await expect(breaker.execute(() => 'ok')).resolves.toBe('ok');
    const thrown = breaker.execute(() => {
      throw down;
    });
    await expect(thrown).rejects.toBe(down);
  });

  it("gives the call a signal that follows the caller's, and rejects with the caller's reason at once", async () => {
    const breaker = breakerWith({ callTimeout: '1m' });
    const caller = new AbortController();
    let signal: AbortSignal | undefined;
    const call = breaker.execute(
      (given) => {
        signal = given;
        return never;
      },
      { signal: caller.signal },
    );
    expect(signal?.aborted).toBe(false);
    const gone = new Error('gone');
    caller.abort(gone);
    await expect(call).rejects.toBe(gone);
    expect(signal?.reason).toBe(gone);
    expect(breaker.status()).toMatchObject({ failureCount: 0, lateOutcomes: 0 });
  });

  it('takes the abort of a caller for that of its own call alone', async () => {
    const breaker = breakerWith();
    const fails = (): Promise<never> => Promise.reject(down);
    const caller = new AbortController();
    const { signal } = caller;
    await breaker.execute(() => 'ok', { signal });
    await breaker.execute(() => 'ok');
    const given = breaker.execute(() => never, { signal });
    caller.abort(down);
    await given.catch(() => undefined);
    expect(breaker.status().failureCount).toBe(0);
    await breaker.execute(fails).catch(() => undefined);
    expect(breaker.status().failureCount).toBe(1);
  });

  it('does not make the call of a caller who has aborted', async () => {
    const breaker = breakerWith();
    let made = false;
    const call = breaker.execute(
      () => {
        made = true;
      },
      { signal: AbortSignal.abort(down) },
    );
    await expect(call).rejects.toBe(down);
    expect(made).toBe(false);
  });

  it("leaves no listener on the caller's signal", async () => {
    const caller = new AbortController();
    let listeners = 0;
    const { signal } = caller;
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners += 1;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners -= 1;
      remove(...args);
    };
    const breaker = breakerWith();
    await breaker.execute(async () => 'ok', { signal });
    await breaker.execute(() => Promise.reject(down), { signal }).catch(() => undefined);
    expect(listeners).toBe(0);
  });

  it('always gives a signal, which is never aborted where nobody can', async () => {
    const signal = await breakerWith().execute((given) => given);
    expect(signal).toBeInstanceOf(AbortSignal);
    expect(signal.aborted).toBe(false);
    const response = await fetch('data:text/plain,works', { signal });
    await expect(response.text()).resolves.toBe('works');
  });
});

describe('a permit', () => {
  it('is settled once', () => {
    const breaker = breakerWith({ failureThreshold: 3 });
    const permit = permitOf(breaker);
    permit.failure(down);
    permit.failure(down);
    permit.success();
    permit.release();
    expect(breaker.status()).toMatchObject({ failureCount: 1, lateOutcomes: 0 });
  });

  it('tells whether an error is a failure, even once it is settled', () => {
    const breaker = breakerWith({ isFailure: (error) => error === down });
    const permit = permitOf(breaker);
    expect(permit.failure(down)).toBe(true);
    expect(permit.failure(new Error('not found'))).toBe(false);
    expect(breaker.status().failureCount).toBe(1);
  });

  it('has nothing against the first value of a stream that comes after it was settled', () => {
    const permit = breakerWith().acquire();
    permit?.release();
    expect(permit?.firstValue('fine')).toBe(true);
  });

  it('that was released and settled again does not free the slot of another probe', () => {
    const breaker = tripped();
    clock.advance(60_000);
    const first = permitOf(breaker);
    first.release();
    permitOf(breaker);
    first.release();
    expect(breaker.tryAcquire()).toBeUndefined();
  });

  it('of an earlier generation does not free the slot of a probe, even of one made at the same moment', () => {
    const breaker = tripped();
    clock.advance(60_000);
    const earlier = permitOf(breaker);
    breaker.restore(breaker.snapshot());
    permitOf(breaker);
    earlier.release();
    expect(breaker.tryAcquire()).toBeUndefined();
  });

  it('counts as a failure when isFailure itself throws', () => {
    const breaker = breakerWith({
      isFailure: () => {
        throw new Error('cannot judge');
      },
    });
    expect(permitOf(breaker).failure(down)).toBe(true);
    expect(breaker.status().failureCount).toBe(1);
  });
});

describe('slots of a half-open circuit', () => {
  it('come back from every kind of end, so that probes go on', () => {
    const breaker = tripped({ successThreshold: 100, isFailure: (error) => error === down });
    clock.advance(60_000);
    for (let count = 0; count < 30; count += 1) {
      const probe = permitOf(breaker);
      expect(breaker.tryAcquire()).toBeUndefined();
      if (count % 3 === 0) probe.success();
      else if (count % 3 === 1) probe.release();
      else probe.failure(new Error('ignored'));
    }
    expect(breaker.status().state).toBe('half-open');
  });

  it('of several probes: one that is lost opens the circuit, though others answer', () => {
    const breaker = tripped({ halfOpenMaxCalls: 2, successThreshold: 3 });
    clock.advance(60_000);
    permitOf(breaker);
    clock.advance(30_000);
    permitOf(breaker).success();
    clock.advance(29_999);
    permitOf(breaker).release();
    expect(breaker.status().state).toBe('half-open');
    clock.advance(1);
    expect(breaker.tryAcquire()).toBeUndefined();
    expect(breaker.status()).toMatchObject({ state: 'open', tripCount: 2 });
  });

  it('a probe that never settles re-arms again and again', () => {
    const breaker = tripped({ backoffMultiplier: 1 });
    for (let count = 0; count < 5; count += 1) {
      clock.advance(60_000);
      expect(breaker.tryAcquire()).toBeDefined();
      clock.advance(60_000);
      expect(breaker.tryAcquire()).toBeUndefined();
    }
    expect(breaker.status()).toMatchObject({ state: 'open', tripCount: 6 });
  });

  it('a probe that was lost long ago does not delay the next one', () => {
    const breaker = tripped();
    clock.advance(60_000);
    permitOf(breaker);
    clock.advance(3_600_000);
    expect(breaker.tryAcquire()).toBeDefined();
    expect(breaker.status()).toMatchObject({ state: 'half-open', tripCount: 2 });
  });
});

describe('the rule of a failure rate', () => {
  const trip = { kind: 'rate', failureRate: 0.5, minimumCalls: 4, window: '10s' } as const;

  it('waits for the minimum of calls', () => {
    const breaker = breakerWith({ trip });
    for (let count = 0; count < 3; count += 1) permitOf(breaker).failure(down);
    expect(breaker.status().state).toBe('closed');
    permitOf(breaker).failure(down);
    expect(breaker.status().state).toBe('open');
  });

  it('forgets what has left the window, and status reads change nothing', () => {
    const breaker = breakerWith({ trip });
    for (let count = 0; count < 3; count += 1) permitOf(breaker).failure(down);
    clock.advance(9_999);
    expect(breaker.status().failureCount).toBe(3);
    clock.advance(1);
    expect(breaker.status().failureCount).toBe(0);
    permitOf(breaker).failure(down);
    expect(breaker.status()).toMatchObject({ state: 'closed', failureCount: 1 });
  });

  it('lets the window slide', () => {
    const breaker = breakerWith({ trip });
    permitOf(breaker).failure(down);
    clock.advance(6_000);
    permitOf(breaker).failure(down);
    clock.advance(6_000);
    permitOf(breaker).failure(down);
    permitOf(breaker).failure(down);
    expect(breaker.status()).toMatchObject({ state: 'closed', failureCount: 3 });
    permitOf(breaker).failure(down);
    expect(breaker.status().state).toBe('open');
  });

  it('starts with an empty window after recovery', () => {
    const breaker = breakerWith({ trip });
    for (let count = 0; count < 4; count += 1) permitOf(breaker).failure(down);
    clock.advance(60_000);
    permitOf(breaker).success();
    expect(breaker.status()).toMatchObject({ state: 'closed', failureCount: 0 });
  });

  it('keeps its count when other options are configured, and drops it with another window', () => {
    const breaker = breakerWith({ trip });
    permitOf(breaker).failure(down);
    breaker.configure({ trip: { ...trip, minimumCalls: 2 } });
    expect(breaker.status().failureCount).toBe(1);
    breaker.configure({ trip: { ...trip, window: '20s' } });
    expect(breaker.status().failureCount).toBe(0);
  });
});

describe('the rule of slow calls', () => {
  const trip = { kind: 'slow', slowCall: '1s', slowRate: 0.5, minimumCalls: 2, window: '1m' } as const;

  function take(breaker: Breaker, ms: number): void {
    const permit = permitOf(breaker);
    clock.advance(ms);
    permit.success();
  }

  it('opens for calls that succeed and take too long', () => {
    const breaker = breakerWith({ trip });
    take(breaker, 999);
    expect(breaker.status().failureCount).toBe(0);
    take(breaker, 1_000);
    expect(breaker.status()).toMatchObject({ state: 'open', tripCount: 1 });
  });

  it('counts a failure as slow, however fast it was', () => {
    const breaker = breakerWith({ trip });
    take(breaker, 0);
    permitOf(breaker).failure(down);
    expect(breaker.status().state).toBe('open');
  });

  it('takes a slow probe for a failed one', () => {
    const breaker = breakerWith({ trip });
    take(breaker, 1_000);
    take(breaker, 1_000);
    clock.advance(60_000);
    take(breaker, 1_000);
    expect(breaker.status()).toMatchObject({ state: 'open', tripCount: 2 });
  });

  it('does not judge a call that began before the rule was configured', () => {
    const breaker = breakerWith();
    const permit = permitOf(breaker);
    breaker.configure({ trip: { ...trip, minimumCalls: 1 } });
    permit.success();
    expect(breaker.status().state).toBe('closed');
  });

  it('measures the calls of execute from the moment that it is configured', async () => {
    const breaker = breakerWith();
    await breaker.execute(async () => 'ok');
    breaker.configure({ trip: { ...trip, minimumCalls: 1 } });
    await breaker.execute(async () => clock.advance(1_000));
    expect(breaker.status().state).toBe('open');
  });

  it('measures each call of execute from its own start', async () => {
    const breaker = breakerWith({ trip: { ...trip, minimumCalls: 1 } });
    await breaker.execute(async () => 'ok');
    clock.advance(1_000);
    await breaker.execute(async () => 'ok');
    expect(breaker.status()).toMatchObject({ state: 'closed', failureCount: 0 });
  });

  it('measures the calls of execute as well', async () => {
    const breaker = breakerWith({ trip: { ...trip, minimumCalls: 1 } });
    await breaker.execute(async () => clock.advance(1_000));
    expect(breaker.status().state).toBe('open');
  });
});

describe('modes', () => {
  it('forced open: rejects every call for good, until enabled', () => {
    const breaker = breakerWith();
    breaker.forceOpen();
    clock.advance(86_400_000);
    expect(breaker.tryAcquire()).toBeUndefined();
    expect(breaker.rejection().retryAfterMs).toBe(0);
    expect(breaker.status()).toMatchObject({ state: 'open', mode: 'forced-open', nextAttemptAt: null, tripCount: 0 });
    breaker.enable();
    expect(breaker.status()).toMatchObject({ state: 'closed', mode: 'auto' });
    expect(breaker.tryAcquire()).toBeDefined();
  });

  it('disabled: lets every call pass, unobserved', () => {
    const breaker = tripped();
    breaker.disable();
    const unobserved = permitOf(breaker);
    for (let count = 0; count < 10; count += 1) permitOf(breaker).failure(down);
    expect(breaker.status()).toMatchObject({ state: 'closed', mode: 'disabled', failureCount: 0, nextAttemptAt: null });
    breaker.enable();
    unobserved.failure(down);
    expect(breaker.status()).toMatchObject({ state: 'closed', mode: 'auto', failureCount: 0, lateOutcomes: 0 });
  });

  it('make calls in flight count no more', () => {
    const breaker = breakerWith({ failureThreshold: 1 });
    const inFlight = permitOf(breaker);
    breaker.forceOpen();
    breaker.enable();
    inFlight.failure(down);
    expect(breaker.status()).toMatchObject({ state: 'closed', lateOutcomes: 1 });
  });

  it('keep the backoff when they end, and reset() lifts a forced-open one', () => {
    const breaker = tripped();
    breaker.forceOpen();
    breaker.enable();
    permitOf(breaker).failure(down);
    expect(breaker.status().retryAfterMs).toBe(120_000);
    breaker.forceOpen();
    breaker.reset();
    expect(breaker.status()).toMatchObject({ state: 'closed', mode: 'auto' });
    breaker.disable();
    breaker.reset();
    expect(breaker.status().mode).toBe('disabled');
  });
});

describe('listeners', () => {
  it('that throw, at once or by promise, harm neither the breaker nor one another', async () => {
    const breaker = breakerWith({ failureThreshold: 1 });
    const heard: BreakerTransition[] = [];
    breaker.onTransition(() => {
      throw new Error('listener');
    });
    breaker.onTransition((() => Promise.reject(new Error('async listener'))) as () => void);
    breaker.onTransition((transition) => heard.push(transition));
    await expectNoUnhandled(async () => {
      await expect(breaker.execute(() => Promise.reject(down))).rejects.toBe(down);
    });
    expect(breaker.status().state).toBe('open');
    expect(heard).toHaveLength(1);
  });

  it('hear until they leave, each on its own, even while they are told', () => {
    const breaker = breakerWith();
    let heard = 0;
    const listener = (): void => void (heard += 1);
    const leave = breaker.onTransition(listener);
    breaker.onTransition(listener);
    const leaveWhileTold = breaker.onTransition(() => leaveWhileTold());
    breaker.onTransition(listener);
    breaker.forceOpen();
    expect(heard).toBe(3);
    leave();
    leave();
    breaker.enable();
    expect(heard).toBe(5);
  });

  it('hear nothing of a reset that changes no state', () => {
    const breaker = breakerWith();
    let heard = 0;
    breaker.onTransition(() => (heard += 1));
    breaker.reset();
    expect(heard).toBe(0);
  });

  it('may act on the breaker: a probe that a listener overtook is late', () => {
    const breaker = tripped();
    clock.advance(60_000);
    breaker.onTransition(({ to }) => {
      if (to === 'half-open') breaker.reset();
    });
    permitOf(breaker).failure(down);
    expect(breaker.status()).toMatchObject({ state: 'closed', failureCount: 0, lateOutcomes: 1 });
  });
});

describe('status', () => {
  it('tells when the next probe is due, by the wall clock', () => {
    const breaker = tripped();
    clock.advance(20_000);
    const before = Date.now();
    const { nextAttemptAt } = breaker.status();
    expect(nextAttemptAt?.getTime()).toBeGreaterThanOrEqual(before + 40_000);
    expect(nextAttemptAt?.getTime()).toBeLessThanOrEqual(Date.now() + 40_000);
  });

  it('changes nothing when it is read', () => {
    const breaker = tripped();
    clock.advance(60_000);
    expect(breaker.status()).toMatchObject({ state: 'open' });
    permitOf(breaker);
    clock.advance(60_000);
    expect(breaker.status()).toMatchObject({ state: 'half-open', tripCount: 1 });
    expect(breaker.status()).toMatchObject({ state: 'half-open', tripCount: 1 });
  });
});

describe('a clock that jumps', () => {
  it('backwards does not prolong an open circuit', () => {
    const breaker = tripped();
    clock.advance(30_000);
    expect(breaker.tryAcquire()).toBeUndefined();
    clock.advance(-86_400_000);
    expect(breaker.status().retryAfterMs).toBe(30_000);
    clock.advance(30_000);
    expect(breaker.tryAcquire()).toBeDefined();
  });

  it('backwards does not keep a slot taken', () => {
    const breaker = tripped({ backoffMultiplier: 1 });
    clock.advance(60_000);
    permitOf(breaker);
    clock.advance(-86_400_000);
    expect(breaker.tryAcquire()).toBeUndefined();
    clock.advance(120_000);
    expect(breaker.tryAcquire()).toBeDefined();
  });

  it('backwards does not upset a window', () => {
    const breaker = breakerWith({ trip: { kind: 'rate', failureRate: 1, minimumCalls: 2, window: '10s' } });
    permitOf(breaker).failure(down);
    clock.advance(-3_600_000);
    permitOf(breaker).failure(down);
    expect(breaker.status().state).toBe('open');
  });

  it('forwards only makes a probe due', () => {
    const breaker = tripped();
    clock.advance(366 * 86_400_000);
    permitOf(breaker).success();
    expect(breaker.status().state).toBe('closed');
  });

  it('or answers no number, wedges nothing', () => {
    let reading = 0;
    const breaker = new Breaker({ clock: () => reading, failureThreshold: 1, jitter: 0 });
    reading = Number.NaN;
    permitOf(breaker).failure(down);
    expect(breaker.tryAcquire()).toBeUndefined();
    reading = 60_000;
    expect(breaker.tryAcquire()).toBeDefined();
  });
});

describe('snapshots', () => {
  const throughJson = (snapshot: BreakerSnapshot): BreakerSnapshot =>
    JSON.parse(JSON.stringify(snapshot)) as BreakerSnapshot;

  it('are plain JSON, and keep a circuit open across a restart', () => {
    const before = tripped();
    clock.advance(10_000);
    const snapshot = throughJson(before.snapshot());
    const elsewhere = manualClock(5);
    const after = new Breaker({ name: 'b', clock: elsewhere, jitter: 0 });
    const heard: BreakerTransition[] = [];
    after.onTransition((transition) => heard.push(transition));
    after.restore({ ...snapshot, takenAt: Date.now() });
    expect(heard).toEqual([{ breaker: 'b', from: 'closed', to: 'open', reason: 'restored' }]);
    expect(after.status()).toMatchObject({ state: 'open', tripCount: 1 });
    const left = after.status().retryAfterMs;
    expect(left).toBeGreaterThan(49_000);
    expect(left).toBeLessThanOrEqual(50_000);
    elsewhere.advance(left);
    permitOf(after).failure(down);
    expect(after.status()).toMatchObject({ tripCount: 2, retryAfterMs: 120_000 });
  });

  it('count the time between', () => {
    const snapshot = tripped().snapshot();
    const after = breakerWith();
    after.restore({ ...snapshot, takenAt: snapshot.takenAt - 59_000 });
    expect(after.status().retryAfterMs).toBeLessThanOrEqual(1_000);
    after.restore({ ...snapshot, takenAt: snapshot.takenAt - 86_400_000 });
    expect(after.status()).toMatchObject({ state: 'open', retryAfterMs: 0 });
    expect(after.tryAcquire()).toBeDefined();
  });

  it('from a wall clock that was ahead wait no longer than they would have', () => {
    const snapshot = tripped().snapshot();
    const after = breakerWith();
    after.restore({ ...snapshot, takenAt: snapshot.takenAt + 86_400_000 });
    expect(after.status().retryAfterMs).toBe(60_000);
  });

  it('of a half-open circuit are due at once: its probes ended with their process', () => {
    const before = tripped();
    clock.advance(60_000);
    permitOf(before);
    const after = breakerWith();
    after.restore(throughJson(before.snapshot()));
    expect(after.status()).toMatchObject({ state: 'open', retryAfterMs: 0 });
    permitOf(after).failure(down);
    expect(after.status().retryAfterMs).toBe(120_000);
  });

  it('of a closed circuit keep the backoff and how long it has been closed', () => {
    const before = tripped();
    clock.advance(60_000);
    permitOf(before).success();
    clock.advance(200_000);
    const after = breakerWith({ failureThreshold: 1 });
    after.restore({ ...throughJson(before.snapshot()), takenAt: Date.now() + 1_000 });
    clock.advance(99_999);
    permitOf(after).failure(down);
    expect(after.status().retryAfterMs).toBe(120_000);

    const longClosed = breakerWith({ failureThreshold: 1 });
    longClosed.restore({ ...before.snapshot(), takenAt: Date.now() - 300_000 });
    permitOf(longClosed).failure(down);
    expect(longClosed.status().retryAfterMs).toBe(60_000);
  });

  it('keep what an operator decided', () => {
    for (const act of ['forceOpen', 'disable'] as const) {
      const before = breakerWith();
      before[act]();
      const after = breakerWith();
      after.restore(throughJson(before.snapshot()));
      expect(after.status().mode).toBe(before.status().mode);
    }
  });

  it('make calls in flight count no more', () => {
    const breaker = breakerWith({ failureThreshold: 1 });
    const inFlight = permitOf(breaker);
    breaker.restore(breaker.snapshot());
    inFlight.failure(down);
    expect(breaker.status()).toMatchObject({ state: 'closed', lateOutcomes: 1 });
  });

  it.each([null, {}, { version: 2 }, 'closed'])('that %j is none is said so, and nothing changes', (snapshot) => {
    const breaker = tripped();
    expect(() => breaker.restore(snapshot as unknown as BreakerSnapshot)).toThrow(RateLimitConfigurationError);
    expect(breaker.status()).toMatchObject({ state: 'open', tripCount: 1 });
  });

  it.each([
    { backoffStep: -1 },
    { tripCount: 0.5 },
    { retryAfterMs: Number.NaN },
    { closedForMs: -1 },
    { takenAt: '2026' as unknown as number },
    { mode: 'off' as unknown as BreakerSnapshot['mode'] },
    { state: 'half-open' as unknown as BreakerSnapshot['state'] },
  ])('with %j are refused', (wrong) => {
    const breaker = breakerWith();
    expect(() => breaker.restore({ ...breaker.snapshot(), ...wrong })).toThrow(RateLimitConfigurationError);
  });
});

describe('the signal of calls that nobody can abort', () => {
  it('is another one after a while, so that what is made of it does not stay, and is never aborted', async () => {
    const [kept] = await spawnWorkers<typeof listenForever>(
      1,
      new URL('./workers/idle-signals.worker.ts', import.meta.url),
      100_000,
    );
    expect(kept).toMatchObject({ aborted: false, warnings: [] });
    // What a call leaves takes more than 1,000 bytes; the last 2,000 calls' signals may still be there.
    expect(kept?.bytesPerCall).toBeLessThan(100);
    expect(kept?.signals).toBeGreaterThanOrEqual(50);
  });

  it('keeps nothing that listens on it', async () => {
    const signal = await new Breaker().execute((given) => given);
    signal.addEventListener('abort', () => undefined, { once: true });
    addAbortListener(signal, () => undefined);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('passes for any other signal', async () => {
    const emitter = new EventEmitter();
    await new Breaker().execute(async (signal) => {
      await expect(fetch('data:text/plain,works', { signal }).then((answer) => answer.text())).resolves.toBe('works');
      await expect(sleep(1, 'slept', { signal })).resolves.toBe('slept');
      const heard = once(emitter, 'hello', { signal });
      emitter.emit('hello', 1);
      await expect(heard).resolves.toEqual([1]);
      await expect(addAbortSignal(signal, Readable.from(['a', 'b'])).toArray()).resolves.toEqual(['a', 'b']);
      const gone = AbortSignal.abort('gone');
      expect(AbortSignal.any([signal, gone]).reason).toBe('gone');
      signal.removeEventListener('abort', () => undefined);
    });
  });
});

describe('a bare process that awaits a call which never answers', () => {
  it.each(AWAITED)('gets the error of the deadline: %s', async (name) => {
    const [reply] = await spawnWorkers<typeof awaitCall>(
      1,
      new URL('./workers/awaited-calls.worker.ts', import.meta.url),
      name,
    );
    expect(reply).toBe('DEADLINE_EXCEEDED');
  });
});

describe('a process with 1,000 open breakers, calls that never end and deadlines that were not needed', () => {
  it('exits by itself', async () => {
    const [reply] = await spawnWorkers<typeof leaveOpenBreakers>(
      1,
      new URL('./workers/open-breakers.worker.ts', import.meta.url),
      1_000,
    );
    expect(reply).toEqual({ open: 1_000, pending: 1_000 });
  });
});
