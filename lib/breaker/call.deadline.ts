import { DeadlineExceededError } from '../contracts/errors.js';

/** The ways to end a call early. */
export interface CallBounds {
  /** 0: no deadline. */
  readonly timeoutMs: number;
  readonly caller?: AbortSignal | undefined;
}

/**
 * Makes a call that ends at its deadline with a `DeadlineExceededError`, or with the caller's reason if the caller
 * aborts. The signal of the call aborts then, and later results are ignored. The timer keeps the process alive while
 * the call runs, so that the caller gets an answer.
 */
export function callWithin<T>(call: (signal: AbortSignal) => T | PromiseLike<T>, bounds: CallBounds): Promise<T> {
  const { timeoutMs, caller } = bounds;
  return new Promise<T>((resolve, reject) => {
    const controller = new AbortController();
    const stop = (reason: unknown): void => {
      settled();
      reject(reason);
      controller.abort(reason);
    };
    const abort = (): void => stop(caller?.reason);
    const timer = timeoutMs > 0 ? setTimeout(() => stop(DeadlineExceededError.of(timeoutMs)), timeoutMs) : undefined;
    caller?.addEventListener('abort', abort);
    const settled = (): void => {
      clearTimeout(timer);
      caller?.removeEventListener('abort', abort);
    };
    const made = async (): Promise<T> => call(controller.signal);
    made().then(resolve, reject).finally(settled);
  });
}
