import { DeadlineExceededError } from '../contracts/errors.js';

/**
 * Waits for a promise, but not for longer than its deadline. What comes later is dropped, a late failure included.
 * The timer never keeps the process alive.
 *
 * @throws DeadlineExceededError when the time is over
 */
export function withDeadline<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => reject(DeadlineExceededError.of(timeoutMs)), timeoutMs).unref();
    promise.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error as Error);
      },
    );
  });
}
