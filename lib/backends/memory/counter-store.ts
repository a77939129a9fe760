import type { CounterState } from '../../algorithms/algorithm.js';
import { isFresh } from '../../algorithms/counter.js';
import type { Policy } from '../../contracts/policy.js';
import { blankCounter, type Counter, CounterSlots, NONE } from './counter-slots.js';
import { KeyTable } from './key-table.js';

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
  private readonly tables = new Map<string, KeyTable<number>>();
  private slots = new CounterSlots();
  private readonly judged = blankCounter();
  private nextToSweep = NONE;
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

  /** @param counter is overwritten with what is found, and returned. Default: a new one */
  find(policy: Policy, key: string, counter?: Counter): Counter | undefined {
    const slot = this.tables.get(policy.id)?.get(key);
    return slot === undefined ? undefined : this.slots.read(slot, counter);
  }

  /** The same, for a key of which another counter was found: most calls of a key have the same policies. */
  findBeside(known: Counter, policy: Policy, key: string): Counter | undefined {
    const beside = this.slots.beside(known.slot, policy);
    if (beside !== NONE) return this.slots.read(beside);
    const counter = this.find(policy, key);
    if (counter !== undefined) this.slots.join(known.slot, counter.slot);
    return counter;
  }

  /** Stores a counter that `find` did not find. */
  add(policy: Policy, key: string, state: CounterState): void {
    let table = this.tables.get(policy.id);
    if (table === undefined) this.tables.set(policy.id, (table = new KeyTable()));
    table.add(key, this.slots.take(key, policy, state));
    this.count += 1;
    this.added += 1;
  }

  /** Overwrites a counter. */
  update({ slot }: Counter, policy: Policy, state: CounterState): void {
    this.slots.write(slot, policy, state);
    this.touchSlot(slot);
  }

  /** Marks a counter as the most recently used. */
  touch({ slot }: Counter): void {
    this.touchSlot(slot);
  }

  remove({ slot }: Counter): void {
    this.removeSlot(slot);
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
    while (this.count > this.maxKeys) {
      const { oldest } = this.slots;
      if (!this.isFresh(oldest, nowMs)) evicted += 1;
      this.removeSlot(oldest);
    }
    return evicted;
  }

  clear(): void {
    this.tables.clear();
    this.slots = new CounterSlots();
    this.nextToSweep = NONE;
    this.count = this.added = 0;
  }

  private sweep(nowMs: number): void {
    const slot = this.nextToSweep === NONE ? this.slots.oldest : this.nextToSweep;
    if (slot === NONE) return;
    this.nextToSweep = this.slots.newerThan(slot);
    if (this.isFresh(slot, nowMs)) this.removeSlot(slot);
  }

  private isFresh(slot: number, nowMs: number): boolean {
    return isFresh(this.slots.read(slot, this.judged), this.slots.policyOf(slot), nowMs);
  }

  private touchSlot(slot: number): void {
    if (this.nextToSweep === slot) this.nextToSweep = this.slots.newerThan(slot);
    this.slots.touch(slot);
  }

  private removeSlot(slot: number): void {
    if (this.nextToSweep === slot) this.nextToSweep = this.slots.newerThan(slot);
    const { id } = this.slots.policyOf(slot);
    const table = this.tables.get(id);
    table?.delete(this.slots.keyOf(slot));
    if (table?.size === 0) this.tables.delete(id);
    this.slots.release(slot);
    this.count -= 1;
  }
}
