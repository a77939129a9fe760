import { DeadlineExceededError } from '../contracts/errors.js';
import { MAX_TIMER_MS } from '../policies/duration.js';

/** If a timer fires later than this, in ms, the process itself did not run: it was suspended, starved or blocked. */
const LATE_MS = 20;

/**
 * Waits for a promise until its deadline. Later failures are ignored. The timer keeps the process alive only while
 * somebody waits.
 *
 * Time in which the process itself did not run does not count as a delay of the backend: the deadline moves by that
 * time, by up to `timeoutMs`.
 *
 * @param answeredLate called for an answer after the deadline
 * @throws DeadlineExceededError after the deadline
 */
export function withDeadline<T>(promise: Promise<T>, timeoutMs: number, answeredLate?: () => void): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const waitMs = Math.min(timeoutMs, MAX_TIMER_MS);
    const dueMs = performance.now() + waitMs;
    let expired = false;
    const expire = (): void => {
      expired = true;
      reject(DeadlineExceededError.of(timeoutMs));
    };
    // In a turn of the event loop, timers run before sockets: let an answer in a socket run first.
    const expireAfterSockets = (): void => void setImmediate(expire);
    let timer = setTimeout(() => {
      const lateMs = performance.now() - dueMs;
      if (lateMs <= LATE_MS) expireAfterSockets();
      else timer = setTimeout(expireAfterSockets, Math.min(lateMs, waitMs));
    }, waitMs);
    promise.then(
      (value) => {
        clearTimeout(timer);
        if (expired) answeredLate?.();
        else resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}
