/**
 * Waits between two attempts.
 *
 * @param failure why the last attempt failed, if that is known
 * @throws the failure, else the signal's reason, as soon as the signal aborts
 */
export function pause(ms: number, signal: AbortSignal, failure?: unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer);
      reject((failure ?? signal.reason) as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', abort);
      resolve();
    }, ms);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}
