import type { Breaker } from './breaker.js';

/** The registry of keyed breakers. */
export interface KeyedBreakerList {
  add(key: string): Breaker;
  remove(breaker: Breaker): void;
}

/** A breaker for each key, created at its first use. Above `max`, the least recently used one is removed. */
export class KeyedBreakers {
  private readonly byKey = new Map<string, Breaker>();

  constructor(
    readonly max: number,
    private readonly list: KeyedBreakerList,
  ) {}

  get(key: string): Breaker {
    const known = this.byKey.get(key);
    // A map keeps the order of entry: the first is the least recently used.
    if (known !== undefined) this.byKey.delete(key);
    else if (this.byKey.size >= this.max) this.dropOldest();
    const breaker = known ?? this.list.add(key);
    this.byKey.set(key, breaker);
    return breaker;
  }

  [Symbol.iterator](): IterableIterator<Breaker> {
    return this.byKey.values();
  }

  private dropOldest(): void {
    const [oldest] = this.byKey;
    if (oldest === undefined) return;
    this.byKey.delete(oldest[0]);
    this.list.remove(oldest[1]);
  }
}
