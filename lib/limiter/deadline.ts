import { DeadlineExceededError } from '../contracts/errors.js';
import { MAX_TIMER_MS } from '../policies/duration.js';

/** A timer that fires later than this, in ms, says that the process itself did not run: suspended, starved or blocked. */
const LATE_MS = 20;

/**
 * Waits for a promise, but not for longer than its deadline. A late failure is dropped. The timer keeps the process
 * alive for as long as somebody waits, and not a moment longer.
 *
 * Time in which the process itself did not run is no lateness of its backend: it is given back, up to `timeoutMs`.
 *
 * @param answeredLate hears of an answer that came after the deadline
 * @throws DeadlineExceededError when the time is over
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
    // Timers come before sockets in a turn of the event loop: an answer that lies in a socket gets its turn first.
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
