import { Breaker, type BreakerOptions } from '../../../lib/breaker/breaker.js';

const down = new Error('down');
const rate = { kind: 'rate', failureRate: 0.9, minimumCalls: 100, window: '10s' } as const;
const slow = { kind: 'slow', slowCall: '1s', slowRate: 0.9, minimumCalls: 100, window: '10s' } as const;

/** A breaker, and how often each act reads its clock. */
function watched(options: BreakerOptions = {}) {
  let reads = 0;
  let nowMs = 0;
  const breaker = new Breaker({
    clock: () => {
      reads += 1;
      return nowMs;
    },
    jitter: 0,
    ...options,
  });
  const readsOf = (act: () => unknown): number => {
    reads = 0;
    act();
    return reads;
  };
  const advance = (ms: number): void => void (nowMs += ms);
  return { breaker, readsOf, advance };
}
const succeed = (breaker: Breaker) => () => breaker.tryAcquire()?.success();
const fail = (breaker: Breaker) => () => breaker.tryAcquire()?.failure(down);

describe('the clock of a breaker, as reading it takes longer than a call,', () => {
  it('is not read for a healthy call', async () => {
    const { breaker, readsOf } = watched();
    expect(readsOf(succeed(breaker))).toBe(0);
    expect(readsOf(() => breaker.tryAcquire()?.release())).toBe(0);
    expect(readsOf(() => breaker.acquire()?.firstValue('first'))).toBe(0);
    let calls: Promise<unknown> | undefined;
    const readsAtOnce = readsOf(() => (calls = Promise.all([1, 2].map((value) => breaker.execute(() => value)))));
    await calls;
    expect(readsAtOnce).toBe(0);
  });

  it('is read for the failure that trips, and for none before it', () => {
    const { breaker, readsOf } = watched({ failureThreshold: 3 });
    expect([1, 2, 3].map(() => readsOf(fail(breaker)))).toEqual([0, 0, 1]);
    expect(breaker.status().state).toBe('open');
  });

  it('is read for the success that ends a run of failures', () => {
    const { breaker, readsOf } = watched();
    fail(breaker)();
    expect(readsOf(succeed(breaker))).toBe(1);
    expect(readsOf(succeed(breaker))).toBe(0);
  });

  it('is read for each failure, where other processes may know more', () => {
    const { breaker, readsOf } = watched();
    const leave = breaker.join({ suspect: () => false, mayProbe: () => true });
    expect([1, 2].map(() => readsOf(fail(breaker)))).toEqual([1, 1]);
    leave();
    expect(readsOf(fail(breaker))).toBe(0);
  });

  it('is read for each outcome in a window, and for the start of a call that may be slow', () => {
    const windowed = watched({ trip: rate });
    expect([succeed, fail].map((act) => windowed.readsOf(act(windowed.breaker)))).toEqual([1, 1]);
    const timed = watched({ trip: slow });
    expect([succeed, fail].map((act) => timed.readsOf(act(timed.breaker)))).toEqual([2, 2]);
  });

  it('is read to admit a call where the circuit is not closed', () => {
    const { breaker, readsOf, advance } = watched({ failureThreshold: 1 });
    fail(breaker)();
    expect(readsOf(() => breaker.tryAcquire())).toBe(1);
    advance(60_000);
    expect(readsOf(() => breaker.tryAcquire())).toBe(1);
    expect(readsOf(() => breaker.tryAcquire())).toBe(1);
    breaker.disable();
    expect(readsOf(() => breaker.tryAcquire())).toBe(0);
  });
});

describe('a breaker is untroubled', () => {
  it('while it is closed and has no failure to remember', () => {
    const { breaker } = watched({ failureThreshold: 2 });
    const untroubled = [breaker.isUntroubled];
    for (const act of [fail, succeed, fail, fail]) {
      act(breaker)();
      untroubled.push(breaker.isUntroubled);
    }
    expect(untroubled).toEqual([true, false, true, false, false]);
    breaker.reset();
    expect(breaker.isUntroubled).toBe(true);
    breaker.disable();
    expect(breaker.isUntroubled).toBe(false);
  });

  it.each([rate, slow])('never by the rule $kind, which counts successes', (trip) => {
    expect(watched({ trip }).breaker.isUntroubled).toBe(false);
  });
});
