import type { Clock } from '../contracts/breaker.js';
import { monotonicMs } from '../contracts/process-time.js';

const wrapped = new WeakMap<Clock, Clock>();

/** The process's own monotonic clock, in ms. */
export const processClock: Clock = monotonicMs;

/**
 * Reads any clock as one that never steps back: while it is behind, time goes on from the latest reading at the clock's
 * own pace. So a wall clock that is corrected can neither prolong an open circuit nor keep a slot taken. A reading that
 * is no number is the latest one again.
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
