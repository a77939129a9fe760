import { counted } from '../../algorithms/algorithm.js';
import type { AlgorithmName } from '../../contracts/policy.js';
import { type StoredCounter, usedUnits } from '../stored-counter.js';

/** Numbers of a counter before its log: see sql/limiter.sql. */
const HEADER = 7;

/**
 * The counters of a row as of now; those that are over are left out.
 *
 * @param numbers of the row's `counters`, as text
 */
export function storedCounters(numbers: readonly string[], nowMs: number): readonly StoredCounter[] {
  const counters: StoredCounter[] = [];
  for (let place = 0; place + HEADER <= numbers.length;) {
    const id = numbers[place] as string;
    const [size = HEADER, keptUntilMs = 0, windowMs = 0, at = 0, used = 0, rest = 0] = numbers
      .slice(place + 1, place + HEADER)
      .map(Number);
    const header = { id, keptUntilMs, windowMs };
    if (keptUntilMs > nowMs) {
      const algorithm = algorithmOf(size, { keptUntilMs, windowMs, at, rest });
      if (algorithm === undefined) counters.push({ ...header, algorithm, used: 0 });
      else if (algorithm === 'sliding-log') {
        const log = numbers.slice(place + HEADER, place + size).map(Number);
        counters.push({ ...header, algorithm, used: unitsOf(log, windowMs, nowMs) });
      } else {
        // The algorithms know a fixed window by its end.
        const state = counted(windowMs, algorithm === 'fixed-window' ? (at + 1) * windowMs : at, used, rest);
        const limit = algorithm === 'token-bucket' ? { limit: rest } : {};
        counters.push({ ...header, algorithm, used: usedUnits(algorithm, state, nowMs), ...limit });
      }
    }
    place += Math.max(size, HEADER);
  }
  return counters;
}

/** The algorithm is not stored, but how long a counter is kept tells it; `undefined` of a block. */
function algorithmOf(
  size: number,
  {
    keptUntilMs,
    windowMs,
    at,
    rest,
  }: { readonly keptUntilMs: number; readonly windowMs: number; readonly at: number; readonly rest: number },
): AlgorithmName | undefined {
  if (windowMs === 0) return undefined;
  if (size > HEADER) return 'sliding-log';
  if (keptUntilMs === (at + 2) * windowMs) return 'sliding-window';
  if (keptUntilMs === (at + 1) * windowMs) return rest > 0 ? 'sliding-window' : 'fixed-window';
  return 'token-bucket';
}

/** Units of a log, as pairs of time and number, that still count. */
function unitsOf(log: readonly number[], windowMs: number, nowMs: number): number {
  let units = 0;
  for (let index = 0; index < log.length; index += 2) {
    if ((log[index] as number) + windowMs > nowMs) units += log[index + 1] as number;
  }
  return units;
}
