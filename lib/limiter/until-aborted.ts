/**
 * Waits for an outcome, or rejects with the signal's reason as soon as it is aborted.
 *
 * @param onAbort what to do about an outcome that nobody waits for any longer
 */
export async function untilAborted<T>(outcome: Promise<T>, signal: AbortSignal, onAbort?: () => void): Promise<T> {
  let abort = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = () => {
      reject(signal.reason as Error);
      onAbort?.();
    };
    signal.addEventListener('abort', abort, { once: true });
  });
  try {
    return await Promise.race([outcome, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
