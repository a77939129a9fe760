import { isFresh, type CounterState } from '../../algorithms/counter.js';
import type { Policy } from '../../contracts/policy.js';

/** The counters of one policy. */
interface Table {
  policy: Policy;
  readonly entries: Map<string, Entry>;
}

/** One counter: a link of the list that runs from the least to the most recently used. */
interface Entry {
  readonly key: string;
  readonly table: Table;
  state: CounterState;
  older: Entry | undefined;
  newer: Entry | undefined;
}

/** Counters looked at for each new one; two clear away faster than any flood of new keys can add. */
const SWEEP = 2;

/**
 * Counters in a bounded space: at most `maxKeys` of them, the least recently used goes first.
 *
 * No timer clears it. Each new counter looks at two others, in turn, and drops what has expired; so what is expired is
 * gone after at most half as many new counters as there are old ones, and nothing grows while nothing happens.
 */
export class CounterStore {
  private readonly tables = new Map<string, Table>();
  private oldest: Entry | undefined;
  private newest: Entry | undefined;
  private nextToSweep: Entry | undefined;
  private count = 0;

  constructor(
    private readonly maxKeys: number,
    private readonly onEviction: (count: number) => void,
  ) {}

  get size(): number {
    return this.count;
  }

  get(policy: Policy, key: string): CounterState | undefined {
    return this.tables.get(policy.id)?.entries.get(key)?.state;
  }

  set(policy: Policy, key: string, state: CounterState, nowMs: number): void {
    const table = this.tableOf(policy);
    const entry = table.entries.get(key);
    if (entry === undefined) {
      this.insert({ key, table, state, older: undefined, newer: undefined }, nowMs);
      return;
    }
    entry.state = state;
    this.touch(entry);
  }

  delete(policy: Policy, key: string): void {
    const entry = this.tables.get(policy.id)?.entries.get(key);
    if (entry !== undefined) this.remove(entry);
  }

  clear(): void {
    this.tables.clear();
    this.oldest = this.newest = this.nextToSweep = undefined;
    this.count = 0;
  }

  private tableOf(policy: Policy): Table {
    let table = this.tables.get(policy.id);
    if (table === undefined) {
      table = { policy, entries: new Map() };
      this.tables.set(policy.id, table);
    }
    table.policy = policy;
    return table;
  }

  private insert(entry: Entry, nowMs: number): void {
    this.sweep(nowMs);
    if (this.count >= this.maxKeys && this.oldest !== undefined) {
      this.remove(this.oldest);
      this.onEviction(1);
    }
    // Removing may have dropped the table as its last counter left.
    this.tables.set(entry.table.policy.id, entry.table);
    entry.table.entries.set(entry.key, entry);
    this.count += 1;
    this.append(entry);
  }

  private sweep(nowMs: number): void {
    for (let turn = 0; turn < SWEEP; turn += 1) {
      const entry = this.nextToSweep ?? this.oldest;
      if (entry === undefined) return;
      this.nextToSweep = entry.newer;
      if (isFresh(entry.state, entry.table.policy, nowMs)) this.remove(entry);
    }
  }

  private remove(entry: Entry): void {
    this.unlink(entry);
    this.count -= 1;
    entry.table.entries.delete(entry.key);
    if (entry.table.entries.size === 0) this.tables.delete(entry.table.policy.id);
  }

  private touch(entry: Entry): void {
    if (entry === this.newest) return;
    this.unlink(entry);
    this.append(entry);
  }

  private append(entry: Entry): void {
    entry.older = this.newest;
    entry.newer = undefined;
    if (this.newest === undefined) this.oldest = entry;
    else this.newest.newer = entry;
    this.newest = entry;
  }

  private unlink(entry: Entry): void {
    if (this.nextToSweep === entry) this.nextToSweep = entry.newer;
    if (entry.older === undefined) this.oldest = entry.newer;
    else entry.older.newer = entry.newer;
    if (entry.newer === undefined) this.newest = entry.older;
    else entry.newer.older = entry.older;
  }
}
