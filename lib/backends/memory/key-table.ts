/** So many keys are still one map. */
const FEW = 4_096;
const PART_BITS = 8;
const PARTS = 1 << PART_BITS;

/**
 * A map of keys, in parts once it has many. When a map grows, or many of its keys were deleted, V8 rebuilds all of it at
 * once: a million keys take some 300 ms, because the hash of each is elsewhere in memory. With a million keys, a part has
 * four thousand, and takes about one millisecond.
 */
export class KeyTable<V> {
  private readonly whole = new Map<string, V>();
  private parts: Map<string, V>[] | undefined;
  private count = 0;

  get size(): number {
    return this.count;
  }

  get(key: string): V | undefined {
    return this.partOf(key).get(key);
  }

  /** Adds a key that is not there. */
  add(key: string, value: V): void {
    if (this.count === FEW && this.parts === undefined) this.split();
    this.partOf(key).set(key, value);
    this.count += 1;
  }

  /** Removes a key that is there. */
  delete(key: string): void {
    this.partOf(key).delete(key);
    this.count -= 1;
  }

  private partOf(key: string): Map<string, V> {
    return this.parts === undefined ? this.whole : (this.parts[partNumber(key)] as Map<string, V>);
  }

  private split(): void {
    this.parts = Array.from({ length: PARTS }, () => new Map<string, V>());
    for (const [key, value] of this.whole) this.partOf(key).set(key, value);
    this.whole.clear();
  }
}

/**
 * The number of a part, from eight characters of all over the key: keys may begin with the same kind, and end with the
 * same domain. All characters would take a tenth of the time of a decision.
 */
function partNumber(key: string): number {
  const step = key.length >> 3 || 1;
  let hash = 0;
  for (let place = key.length - 1, taken = 0; place >= 0 && taken < 8; place -= step, taken += 1)
    hash = Math.imul(hash, 31) + key.charCodeAt(place);
  return Math.imul(hash, 0x9e3779b1) >>> (32 - PART_BITS);
}
