import type { Policy } from '../../contracts/policy.js';

/** Keys that are counted at a time, in each of two generations. */
const CAPACITY = 200;

/** A key that was refused by a policy. */
export interface HotKey {
  readonly policy: Policy;
  readonly key: string;
  limited: number;
  /** By how much `limited` may be too large. */
  atMostOver: number;
  lastMs: number;
}

/**
 * The keys that are refused most often, in bounded memory (Metwally et al., 'Efficient Computation of Frequent and Top-k
 * Elements in Data Streams', 2005): when there is no place, the smallest count is handed over to the new key. Counts fade
 * in two generations, each half as long as the history.
 */
export class HotKeys {
  private current = new Map<string, HotKey>();
  private previous = new Map<string, HotKey>();
  private sinceMs = 0;

  constructor(private readonly historyMs: number) {}

  count(policy: Policy, key: string, nowMs: number): void {
    this.fade(nowMs);
    const id = idOf(policy, key);
    const known = this.current.get(id);
    if (known !== undefined) {
      known.limited += 1;
      known.lastMs = nowMs;
      return;
    }
    let over = 0;
    if (this.current.size >= CAPACITY) {
      const [smallestId, smallest] = smallestOf(this.current);
      this.current.delete(smallestId);
      over = smallest.limited;
    }
    this.current.set(id, { policy, key, limited: over + 1, atMostOver: over, lastMs: nowMs });
  }

  /** The hottest, most often refused first. */
  top(count: number, nowMs: number): readonly HotKey[] {
    this.fade(nowMs);
    const both = new Map<string, HotKey>();
    for (const generation of [this.previous, this.current]) {
      for (const [id, one] of generation) {
        const other = both.get(id);
        both.set(id, other === undefined ? one : sumOf(other, one));
      }
    }
    return [...both.values()].sort((one, other) => other.limited - one.limited).slice(0, count);
  }

  private fade(nowMs: number): void {
    const ageMs = nowMs - this.sinceMs;
    if (ageMs < this.historyMs / 2) return;
    this.previous = ageMs < this.historyMs ? this.current : new Map<string, HotKey>();
    this.current = new Map();
    this.sinceMs = nowMs;
  }
}

const idOf = (policy: Policy, key: string): string => `${policy.id} ${key}`;

const sumOf = (one: HotKey, other: HotKey): HotKey => ({
  ...other,
  limited: one.limited + other.limited,
  atMostOver: one.atMostOver + other.atMostOver,
});

function smallestOf(keys: ReadonlyMap<string, HotKey>): [string, HotKey] {
  let smallest: [string, HotKey] | undefined;
  for (const entry of keys) if (smallest === undefined || entry[1].limited < smallest[1].limited) smallest = entry;
  return smallest as [string, HotKey];
}
