import { replacedTime } from '../../contracts/process-time.js';

const { timeOrigin } = performance;
// Bound, because fake timers may replace the method on the object.
const monotonicNow = performance.now.bind(performance);

// A test may fake the time before this module is loaded. Then there is no real clock to return to.
const realDate = /^function Date\(\) \{ \[native code\] \}$/.test(Function.prototype.toString.call(Date))
  ? Date
  : undefined;

/**
 * Milliseconds since the epoch that never step back: the process's monotonic clock, anchored at its start.
 *
 * Windows are aligned to the epoch, so a purely monotonic clock is not enough, and the wall clock can step. If a test
 * has replaced `Date`, as fake timers do, the clock follows it to any time: most fake timers start `performance` at 0,
 * and some only fake `Date`.
 */
export function epochClock(): number {
  const replaced = replacedTime();
  if (replaced !== undefined) return replaced.wallMs();
  return Date === realDate ? timeOrigin + monotonicNow() : Date.now();
}
