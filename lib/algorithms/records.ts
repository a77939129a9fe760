/** Records of a log, oldest first: a flat list of pairs, each a time (ms since the epoch) and its units. */
export type Records = readonly number[];

/** The same units after the clock stepped back: future records are moved to now, as one record. */
export function heldBack(records: Records, nowMs: number): number[] {
  let past = records.length;
  let units = 0;
  while (past > 0 && (records[past - 2] as number) >= nowMs) {
    units += records[past - 1] as number;
    past -= 2;
  }
  return [...records.slice(0, past), nowMs, units];
}

/** Removes units, newest first: from any record, or only from those of one time. Returns their number. */
export function takeUnits(records: Records, cost: number, cameMs?: number): { left: number[]; taken: number } {
  const left = [...records];
  let wanted = cost;
  for (let index = left.length - 2; index >= 0 && wanted > 0; index -= 2) {
    if (cameMs !== undefined && left[index] !== cameMs) continue;
    const some = Math.min(wanted, left[index + 1] as number);
    left[index + 1] = (left[index + 1] as number) - some;
    wanted -= some;
  }
  return { left: left.filter((_value, index) => (left[index | 1] as number) > 0), taken: cost - wanted };
}
