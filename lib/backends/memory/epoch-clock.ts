const { timeOrigin } = performance;
// Bound, for fake timers may replace the method on the object itself.
const monotonicNow = performance.now.bind(performance);

/** Whether the platform made a function: what fakes the time does not. */
const isNative = (value: unknown): boolean =>
  typeof value === 'function' && Function.prototype.toString.call(value).includes('[native code]');

// A test may fake the time before this module is loaded: there is no real clock to go back to then.
const realDate = isNative(Date) && isNative(Date.now) ? Date : undefined;
const realNow = realDate?.now;

/**
 * Milliseconds since the epoch that never step back: the process's monotonic clock, anchored at its start.
 *
 * Windows are aligned to the epoch, so a purely monotonic clock would not do; the wall clock would, but steps. Where a
 * test has replaced `Date` or `Date.now` it follows that, wherever it is set: a faked `performance` begins at 0 with most
 * fake timers, and is not there at all with some.
 */
export const epochClock = (): number =>
  Date === realDate && Date.now === realNow ? timeOrigin + monotonicNow() : Date.now();
