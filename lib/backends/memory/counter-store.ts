import type { CounterState } from '../../algorithms/algorithm.js';
import { isFresh } from '../../algorithms/counter.js';
import type { Policy } from '../../contracts/policy.js';
import { KeyTable } from './key-table.js';

/** One stored counter: its state, until it is written again. */
export interface Counter extends CounterState {
  readonly key: string;
  /** The policy of its last write: the policy of another key with the same id may have another limit or window. */
  readonly policy: Policy;
}

/** A link of the list that runs from the least to the most recently used. */
type Link = { -readonly [Field in keyof Counter]: Counter[Field] } & {
  older: Link | undefined;
  newer: Link | undefined;
};

/**
 * Number of old counters that are checked for each new one: with two, cleaning is faster than any flood of new keys.
 */
const SWEEP = 2;

/**
 * Counters with bounded memory: at most `maxKeys`; the least recently used is dropped first.
 *
 * There is no timer. For each new counter, two others are checked in turn, and expired ones are dropped. So an expired
 * counter is gone after at most as many new counters as there are old ones, and an idle store does not grow. `trim`
 * does this after a decision is complete, so counters of the decision stay in place until then.
 */
export class CounterStore {
  private readonly tables = new Map<string, KeyTable<Link>>();
  private oldest: Link | undefined;
  private newest: Link | undefined;
  private nextToSweep: Link | undefined;
  private count = 0;
  private added = 0;

  constructor(private readonly maxKeys: number) {}

  get size(): number {
    return this.count;
  }

  /** Whether counters were added since the last `trim`. */
  get hasGrown(): boolean {
    return this.added > 0;
  }

  find(policy: Policy, key: string): Counter | undefined {
    return this.tables.get(policy.id)?.get(key);
  }

  /** Stores a counter that `find` did not find. */
  add(policy: Policy, key: string, state: CounterState): void {
    const { windowMs, at, used, rest, log } = state;
    const link: Link = { windowMs, at, used, rest, log, key, policy, older: undefined, newer: undefined };
    let table = this.tables.get(policy.id);
    if (table === undefined) this.tables.set(policy.id, (table = new KeyTable()));
    table.add(key, link);
    this.append(link);
    this.count += 1;
    this.added += 1;
  }

  /** Overwrites a counter. Other holders of the counter see the new state. */
  update(counter: Counter, policy: Policy, state: CounterState): void {
    const link = counter as Link;
    link.policy = policy;
    link.windowMs = state.windowMs;
    link.at = state.at;
    link.used = state.used;
    link.rest = state.rest;
    link.log = state.log;
    this.touch(link);
  }

  /** Marks a counter as the most recently used. */
  touch(counter: Counter): void {
    if (counter === this.newest) return;
    this.unlink(counter as Link);
    this.append(counter as Link);
  }

  remove(counter: Counter): void {
    const { policy, key } = counter;
    this.unlink(counter as Link);
    this.count -= 1;
    const table = this.tables.get(policy.id);
    table?.delete(key);
    if (table?.size === 0) this.tables.delete(policy.id);
  }

  /**
   * Drops expired counters, and those above the maximum.
   *
   * @returns how many live counters were dropped
   */
  trim(nowMs: number): number {
    for (let turns = this.added * SWEEP; turns > 0; turns -= 1) this.sweep(nowMs);
    this.added = 0;
    let evicted = 0;
    while (this.count > this.maxKeys && this.oldest !== undefined) {
      if (!isFresh(this.oldest, this.oldest.policy, nowMs)) evicted += 1;
      this.remove(this.oldest);
    }
    return evicted;
  }

  clear(): void {
    this.tables.clear();
    this.oldest = this.newest = this.nextToSweep = undefined;
    this.count = this.added = 0;
  }

  private sweep(nowMs: number): void {
    const link = this.nextToSweep ?? this.oldest;
    if (link === undefined) return;
    this.nextToSweep = link.newer;
    if (isFresh(link, link.policy, nowMs)) this.remove(link);
  }

  private append(link: Link): void {
    link.older = this.newest;
    link.newer = undefined;
    if (this.newest === undefined) this.oldest = link;
    else this.newest.newer = link;
    this.newest = link;
  }

  private unlink(link: Link): void {
    if (this.nextToSweep === link) this.nextToSweep = link.newer;
    if (link.older === undefined) this.oldest = link.newer;
    else link.older.newer = link.newer;
    if (link.newer === undefined) this.newest = link.older;
    else link.newer.older = link.older;
  }
}
