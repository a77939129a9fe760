/** The time of the process, as this package reads it. `fakeClock()` of `nestjs-floodgate/testing` replaces it. */
export interface ProcessTime {
  /** A clock that never steps back, ms. */
  monotonicMs(): number;
  /** Milliseconds since the epoch. */
  wallMs(): number;
  /** Calls back once, `delayMs` from now. Returns a function that cancels it. */
  after(delayMs: number, callback: () => void): () => void;
}

let replacement: ProcessTime | undefined;

/** Replaces the time of the process for this package; `undefined` brings the real time back. */
export function replaceTime(time: ProcessTime | undefined): void {
  replacement = time;
}

/** What replaces the time of the process, if anything does. */
export const replacedTime = (): ProcessTime | undefined => replacement;

/** A clock that never steps back, ms. */
export const monotonicMs = (): number => (replacement === undefined ? performance.now() : replacement.monotonicMs());

/** Milliseconds since the epoch, by the wall clock. */
export const wallMs = (): number => (replacement === undefined ? Date.now() : replacement.wallMs());

/**
 * Calls back once, `delayMs` from now; it keeps the process alive until then.
 *
 * @returns cancels it
 */
export function after(delayMs: number, callback: () => void): () => void {
  if (replacement !== undefined) return replacement.after(delayMs, callback);
  const timer = setTimeout(callback, delayMs);
  return () => clearTimeout(timer);
}

/** The same, but the process may end before. */
export function afterUnref(delayMs: number, callback: () => void): () => void {
  if (replacement !== undefined) return replacement.after(delayMs, callback);
  const timer = setTimeout(callback, delayMs).unref();
  return () => clearTimeout(timer);
}
