/** A clock that stands still until a test moves it. Call it for its time, in ms. */
export interface ManualClock {
  (): number;
  /** Moves the clock by `ms`: forwards, or backwards when negative. */
  advance(ms: number): void;
  /** Sets the clock to `ms`, which may lie in its past. */
  set(ms: number): void;
}

/** A round epoch, aligned to every window of whole seconds, minutes, hours and days: 2026-01-01T00:00:00Z. */
export const CLOCK_START_MS = Date.UTC(2026, 0, 1);

/**
 * Makes a clock that only a test moves.
 *
 * @param startMs its first time, in ms; default `CLOCK_START_MS`
 */
export function manualClock(startMs: number = CLOCK_START_MS): ManualClock {
  let nowMs = startMs;
  return Object.assign(() => nowMs, {
    advance(ms: number): void {
      nowMs += ms;
    },
    set(ms: number): void {
      nowMs = ms;
    },
  });
}
