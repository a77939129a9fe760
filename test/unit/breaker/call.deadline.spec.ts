import { getEventListeners } from 'node:events';
import { jest } from '@jest/globals';
import { callWithin } from '../../../lib/breaker/call.deadline.js';
import { DeadlineExceededError } from '../../../lib/contracts/errors.js';

const never = new Promise<never>(() => undefined);

/** What the call is told of its end, and what its caller gets. */
function begun(timeoutMs: number, caller?: AbortSignal) {
  const seen: { signal?: AbortSignal; error?: unknown } = {};
  callWithin(
    (signal) => {
      seen.signal = signal;
      return never;
    },
    { timeoutMs, caller },
  ).catch((error: unknown) => (seen.error = error));
  return seen;
}

describe('a call with a deadline', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  it('ends at its deadline, to the millisecond', async () => {
    const seen = begun(50);
    await jest.advanceTimersByTimeAsync(49);
    expect([seen.error, seen.signal?.aborted]).toEqual([undefined, false]);
    await jest.advanceTimersByTimeAsync(1);
    expect(seen.error).toBeInstanceOf(DeadlineExceededError);
    expect(seen.error).toMatchObject({ timeoutMs: 50 });
    expect(seen.signal?.reason).toBe(seen.error);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('leaves no timer once it has answered, failed or thrown', async () => {
    for (const call of [
      () => 'now',
      async () => 'later',
      () => Promise.reject(new Error('down')),
      () => {
        throw new Error('down');
      },
    ]) {
      const ended = callWithin<string>(call, { timeoutMs: 50 }).catch(() => 'failed');
      expect(jest.getTimerCount()).toBe(1);
      await ended;
      await jest.advanceTimersByTimeAsync(0);
      expect(jest.getTimerCount()).toBe(0);
    }
  });

  it('leaves no timer once its caller has aborted', async () => {
    const caller = new AbortController();
    const seen = begun(50, caller.signal);
    caller.abort('gone');
    expect(jest.getTimerCount()).toBe(0);
    expect(getEventListeners(caller.signal, 'abort')).toEqual([]);
    await jest.advanceTimersByTimeAsync(50);
    expect([seen.error, seen.signal?.reason]).toEqual(['gone', 'gone']);
  });

  it('leaves nothing that listens to its caller', async () => {
    const { signal } = new AbortController();
    const listening = await callWithin(() => getEventListeners(signal, 'abort').length, {
      timeoutMs: 0,
      caller: signal,
    });
    await jest.advanceTimersByTimeAsync(0);
    expect([listening, getEventListeners(signal, 'abort').length]).toEqual([1, 0]);
  });

  it('has no timer where there is no deadline', () => {
    begun(0, new AbortController().signal);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('tells the call of its end once', async () => {
    const caller = new AbortController();
    const seen = begun(50, caller.signal);
    let told = 0;
    seen.signal?.addEventListener('abort', () => (told += 1));
    await jest.advanceTimersByTimeAsync(50);
    caller.abort('gone');
    expect(told).toBe(1);
    expect(seen.signal?.reason).toBeInstanceOf(DeadlineExceededError);
  });
});
