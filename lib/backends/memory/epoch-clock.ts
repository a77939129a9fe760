import { replacedTime } from '../../contracts/process-time.js';

const { timeOrigin } = performance;
// Bound, for fake timers may replace the method on the object itself.
const monotonicNow = performance.now.bind(performance);

// A test may fake the time before this module is loaded: there is no real clock to go back to then.
const realDate = /^function Date\(\) \{ \[native code\] \}$/.test(Function.prototype.toString.call(Date))
  ? Date
  : undefined;

/**
 * Milliseconds since the epoch that never step back: the process's monotonic clock, anchored at its start.
 *
 * Windows are aligned to the epoch, so a purely monotonic clock would not do; the wall clock would, but steps. Where a
 * test has replaced `Date`, as fake timers do, it follows that, wherever it is set: a faked `performance` begins at 0
 * with most of them, and some fake `Date` alone.
 */
export function epochClock(): number {
  const replaced = replacedTime();
  if (replaced !== undefined) return replaced.wallMs();
  return Date === realDate ? timeOrigin + monotonicNow() : Date.now();
}
