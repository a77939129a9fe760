import type { Clock } from '../contracts/breaker.js';
import { monotonicMs } from '../contracts/process-time.js';

const wrapped = new WeakMap<Clock, Clock>();

/** The process's own monotonic clock, in ms. */
export const processClock: Clock = monotonicMs;

/**
 * Reads any clock as one that never steps back: while the clock is behind, time continues from the latest reading at
 * the clock's pace. So a corrected wall clock can neither extend an open circuit nor keep a slot. A reading that is not
 * a number counts as the latest reading.
 */
export function monotonic(clock: Clock): Clock {
  const known = wrapped.get(clock);
  if (known !== undefined) return known;
  let latestMs = 0;
  let offsetMs = 0;
  const reading = (): number => {
    const rawMs = clock();
    if (!Number.isFinite(rawMs)) return latestMs;
    if (rawMs + offsetMs < latestMs) offsetMs = latestMs - rawMs;
    else latestMs = rawMs + offsetMs;
    return latestMs;
  };
  wrapped.set(clock, reading);
  return reading;
}
