const { timeOrigin } = performance;

/**
 * Milliseconds since the epoch that never step back: the process's monotonic clock, anchored at its start.
 *
 * Windows are aligned to the epoch, so a purely monotonic clock would not do; the wall clock would, but steps. It reads
 * the global `performance`, which the fake timers of a test replace.
 */
export const epochClock = (): number => timeOrigin + performance.now();
