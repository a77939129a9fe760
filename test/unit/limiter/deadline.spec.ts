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
});
