import { DeadlineExceededError } from '../contracts/errors.js';

/** A timer beyond this fires at once. */
const LONGEST_TIMER_MS = 2_147_483_647;

/**
 * Waits for a promise, but not for longer than its deadline. What comes later is dropped, a late failure included.
 * The timer never keeps the process alive.
 *
 * @throws DeadlineExceededError when the time is over
 */
export function withDeadline<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const expire = (): void => reject(DeadlineExceededError.of(timeoutMs));
    // A process that was busy finds its timers due before it reads its sockets: an answer that lies there gets its
    // turn first, or the process would take its own lateness for its backend's.
    const timer = setTimeout(() => setImmediate(expire), Math.min(timeoutMs, LONGEST_TIMER_MS)).unref();
    promise.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}
