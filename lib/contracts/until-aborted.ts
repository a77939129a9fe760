/**
 * Waits for a promise until a signal aborts. What comes later is dropped, a late failure included.
 *
 * @param onAbort what to do about an outcome that nobody waits for any longer
 * @throws the signal's reason when it aborts
 */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal, onAbort?: () => void): Promise<T> {
  let abort = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = () => {
      reject(signal.reason as Error);
      onAbort?.();
    };
  });
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
