const clock = performance;
const { timeOrigin } = clock;
const RealDate = Date;

/**
 * Milliseconds since the epoch that never step back: the process's monotonic clock, anchored at its start.
 *
 * Windows are aligned to the epoch, so a purely monotonic clock would not do; the wall clock would, but steps. Where the
 * fake timers of a test have replaced the globals, it follows those. That is seen by `Date`: the global `performance` is
 * a getter, and to ask it each time would cost a tenth of a decision.
 */
export const epochClock = (): number => timeOrigin + (Date === RealDate ? clock : performance).now();
