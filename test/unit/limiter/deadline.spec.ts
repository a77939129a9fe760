import { setImmediate as turn } from 'node:timers/promises';
import { type Clock, install } from '@sinonjs/fake-timers';
import { withDeadline } from '../../../lib/limiter/deadline.js';

const TIMEOUT_MS = 50;

let clock: Clock;

beforeEach(() => {
  clock = install({ toFake: ['setTimeout', 'clearTimeout', 'performance'], now: 1_000_000 });
});

afterEach(() => clock.uninstall());

/** A call that is answered when a test lets it. */
function waiting(timeoutMs = TIMEOUT_MS) {
  const became: string[] = [];
  const late: string[] = [];
  let answer: (value: string) => void = () => undefined;
  let fail: (error: Error) => void = () => undefined;
  const promise = new Promise<string>((resolve, reject) => ([answer, fail] = [resolve, reject]));
  void withDeadline(promise, timeoutMs, () => late.push('late')).then(
    (value) => became.push(value),
    (error: unknown) => became.push((error as Error).message),
  );
  /** What became of the call, once sockets and promises have been heard. */
  const outcome = async (): Promise<readonly string[]> => {
    await turn();
    await turn();
    return became;
  };
  return { late, outcome, answer, fail };
}

const EXPIRED = [`No answer within ${TIMEOUT_MS} ms`];

describe('a deadline', () => {
  it('ends a wait at its time, not before', async () => {
    const { outcome } = waiting();
    await clock.tickAsync(TIMEOUT_MS - 1);
    expect(await outcome()).toEqual([]);
    await clock.tickAsync(1);
    expect(await outcome()).toEqual(EXPIRED);
  });

  it('is over with the answer, and leaves no timer behind', async () => {
    const { outcome, answer, late } = waiting();
    answer('done');
    expect(await outcome()).toEqual(['done']);
    expect(clock.countTimers()).toBe(0);
    expect(late).toEqual([]);
  });

  it('is over with an error, and leaves no timer behind', async () => {
    const { outcome, fail } = waiting();
    fail(new Error('broken'));
    expect(await outcome()).toEqual(['broken']);
    expect(clock.countTimers()).toBe(0);
  });

  it('tells of an answer that comes later', async () => {
    const { outcome, answer, late } = waiting();
    await clock.tickAsync(TIMEOUT_MS);
    answer('done');
    expect(await outcome()).toEqual(EXPIRED);
    expect(late).toEqual(['late']);
  });

  it('may be longer than a timer can wait', async () => {
    const { outcome } = waiting(Number.POSITIVE_INFINITY);
    await clock.tickAsync(86_400_000);
    expect(await outcome()).toEqual([]);
  });

  it.each([
    ['no time', 0, 0],
    ['a time that is usual', 20, 0],
    ['more than that', 21, 21],
    ['the time of the deadline', TIMEOUT_MS, TIMEOUT_MS],
    ['longer than the deadline', 900, TIMEOUT_MS],
  ])('is later if the process did not run for %s: %d ms by %d ms', async (_what, stoppedMs, laterMs) => {
    const { outcome } = waiting();
    clock.jump(TIMEOUT_MS + stoppedMs);
    if (laterMs > 0) {
      expect(await outcome()).toEqual([]);
      await clock.tickAsync(laterMs - 1);
      expect(await outcome()).toEqual([]);
      await clock.tickAsync(1);
    }
    expect(await outcome()).toEqual(EXPIRED);
  });

  it('takes the answer of a socket that is heard after the timer', async () => {
    const { outcome, answer } = waiting();
    clock.jump(TIMEOUT_MS);
    answer('done');
    expect(await outcome()).toEqual(['done']);
  });

  it('belongs to one call of many, whichever are answered before', async () => {
    const calls: ReturnType<typeof waiting>[] = [];
    for (let call = 0; call < 5; call += 1) {
      calls.push(waiting());
      await clock.tickAsync(10);
    }
    const outcomes = (): Promise<readonly (readonly string[])[]> => Promise.all(calls.map(({ outcome }) => outcome()));
    expect(clock.countTimers()).toBe(1);
    calls[1]!.answer('done');
    calls[4]!.fail(new Error('broken'));
    expect(await outcomes()).toEqual([EXPIRED, ['done'], [], [], ['broken']]);
    await clock.tickAsync(19);
    expect(await outcomes()).toEqual([EXPIRED, ['done'], [], [], ['broken']]);
    await clock.tickAsync(1);
    expect(await outcomes()).toEqual([EXPIRED, ['done'], EXPIRED, [], ['broken']]);
    calls[3]!.answer('done');
    expect(await outcomes()).toEqual([EXPIRED, ['done'], EXPIRED, ['done'], ['broken']]);
    expect(clock.countTimers()).toBe(0);
  });

  it('holds for a call that comes while another one runs out of time', async () => {
    const first = waiting();
    clock.tick(TIMEOUT_MS);
    const second = waiting();
    expect(await first.outcome()).toEqual(EXPIRED);
    expect(await second.outcome()).toEqual([]);
    expect(clock.countTimers()).toBe(1);
    await clock.tickAsync(TIMEOUT_MS);
    expect(await second.outcome()).toEqual(EXPIRED);
    expect(clock.countTimers()).toBe(0);
  });

  it('is later by the same for all who waited while the process did not run, but only once for each', async () => {
    const old = waiting();
    await clock.tickAsync(TIMEOUT_MS - 1);
    const recent = waiting();
    clock.jump(31);
    const later = waiting();
    const outcomes = (): Promise<readonly (readonly string[])[]> =>
      Promise.all([old, recent, later].map(({ outcome }) => outcome()));
    // The timer was late by 30 ms: all who waited have as much again.
    expect(await outcomes()).toEqual([[], [], []]);
    clock.jump(30 + 25);
    expect(await outcomes()).toEqual([EXPIRED, EXPIRED, []]);
    await clock.tickAsync(24);
    expect((await outcomes())[2]).toEqual([]);
    await clock.tickAsync(1);
    expect((await outcomes())[2]).toEqual(EXPIRED);
  });

  it('is its own, where each call has another one', async () => {
    const calls = Array.from({ length: 100 }, (_, index) => waiting(index + 1));
    await clock.tickAsync(50);
    const outcomes = await Promise.all(calls.map(({ outcome }) => outcome()));
    expect(outcomes.map(({ length }) => length)).toEqual(calls.map((_call, index) => (index < 50 ? 1 : 0)));
    await clock.tickAsync(50);
    expect(clock.countTimers()).toBe(0);
    expect(await calls[99]!.outcome()).toEqual(['No answer within 100 ms']);
  });

  it('goes by the timers of its time: those of a test leave a call alone that began before', async () => {
    clock.uninstall();
    const real = waiting();
    clock = install({ toFake: ['setTimeout', 'clearTimeout', 'performance'], now: 5_000_000 });
    const faked = waiting();
    await clock.tickAsync(TIMEOUT_MS);
    expect([await real.outcome(), await faked.outcome()]).toEqual([[], EXPIRED]);
    real.answer('done');
    expect(await real.outcome()).toEqual(['done']);
  });
});
