import { counted } from '../../algorithms/algorithm.js';
import type { AlgorithmName } from '../../contracts/policy.js';
import { type StoredCounter, usedUnits } from '../stored-counter.js';
import { LETTERS } from './limiter.script.js';

/** The layout of scripts/limiter.lua: HEAD, COUNTER and RECORD, in bytes. */
const FORMAT = 3;
const HEAD_SIZE = 8;
const ID_SIZE = 10;
const COUNTER_SIZE = 43;
const RECORD_SIZE = 13;

const ALGORITHMS: ReadonlyMap<string, AlgorithmName> = new Map(
  (Object.entries(LETTERS) as [AlgorithmName, string][]).map(([algorithm, letter]) => [letter, algorithm]),
);

/** Algorithms with records after the counter; `rest` is their length. */
const WITH_RECORDS: readonly AlgorithmName[] = ['sliding-log', 'strict-window', 'concurrency'];

/**
 * The current counters of a subject, without ended ones.
 *
 * @returns `undefined` if the value does not belong to the limiter
 */
export function storedCounters(value: Buffer, nowMs: number): readonly StoredCounter[] | undefined {
  if (value[0] !== FORMAT || value.length < HEAD_SIZE + COUNTER_SIZE) return undefined;
  const counters: StoredCounter[] = [];
  for (let place = HEAD_SIZE; place + COUNTER_SIZE <= value.length;) {
    const id = value.toString('latin1', place, place + ID_SIZE);
    const algorithm = ALGORITHMS.get(id.charAt(0));
    const rest = wide(value, place + 36);
    if (algorithm === undefined) return undefined;
    const hasRecords = WITH_RECORDS.includes(algorithm);
    const next = place + COUNTER_SIZE + (hasRecords ? rest : 0);
    const keptUntilMs = wide(value, place + 10);
    const windowMs = value.readUIntBE(place + 17, 6);
    if (keptUntilMs > nowMs) {
      const state = counted(windowMs, value.readUIntBE(place + 23, 6), wide(value, place + 29), rest);
      const used =
        windowMs === 0
          ? 0
          : hasRecords
            ? unitsOf(value.subarray(place + COUNTER_SIZE, next), algorithm, windowMs, nowMs)
            : usedUnits(algorithm, state, nowMs);
      const limit = algorithm === 'token-bucket' && windowMs > 0 ? { limit: rest } : {};
      counters.push({ id, algorithm, keptUntilMs, windowMs, used, ...limit });
    }
    place = next;
  }
  return counters;
}

/** Units in records that still count, or slots with a valid lease. */
function unitsOf(records: Buffer, algorithm: AlgorithmName, windowMs: number, nowMs: number): number {
  let units = 0;
  for (let place = 0; place + RECORD_SIZE <= records.length; place += RECORD_SIZE) {
    const timeMs = records.readUIntBE(place, 6);
    if (algorithm === 'concurrency') units += timeMs > nowMs ? 1 : 0;
    else if (timeMs + windowMs > nowMs) units += wide(records, place + 6);
  }
  return units;
}

/** A number of seven bytes; Node reads at most six. */
const wide = (value: Buffer, place: number): number =>
  value.readUInt8(place) * 2 ** 48 + value.readUIntBE(place + 1, 6);
