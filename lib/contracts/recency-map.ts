interface Entry<V> {
  readonly key: string;
  value: V;
  older: Entry<V> | undefined;
  newer: Entry<V> | undefined;
}

/**
 * A map of keys in the order of their use.
 *
 * A `Map` whose keys are deleted and set again keeps that order too. But it then holds the texts of the latest calls,
 * which the garbage collector visits each time, and it is rebuilt again and again.
 */
export class RecencyMap<V> {
  private readonly entries = new Map<string, Entry<V>>();
  private oldest: Entry<V> | undefined;
  private newest: Entry<V> | undefined;

  get size(): number {
    return this.entries.size;
  }

  /** The value of a key; does not count as a use. */
  get(key: string): V | undefined {
    return this.entries.get(key)?.value;
  }

  /** The key that was not used for longest. */
  get leastRecent(): string | undefined {
    return this.oldest?.key;
  }

  /** A key was used. */
  touch(key: string): void {
    const entry = this.entries.get(key);
    if (entry === undefined || entry === this.newest) return;
    this.unlink(entry);
    this.append(entry);
  }

  /** Sets the value of a key, which counts as a use. */
  set(key: string, value: V): void {
    const known = this.entries.get(key);
    if (known !== undefined) {
      known.value = value;
      return this.touch(key);
    }
    const entry: Entry<V> = { key, value, older: undefined, newer: undefined };
    this.entries.set(key, entry);
    this.append(entry);
  }

  delete(key: string): void {
    const entry = this.entries.get(key);
    if (entry === undefined) return;
    this.entries.delete(key);
    this.unlink(entry);
  }

  private append(entry: Entry<V>): void {
    entry.older = this.newest;
    entry.newer = undefined;
    if (this.newest === undefined) this.oldest = entry;
    else this.newest.newer = entry;
    this.newest = entry;
  }

  private unlink(entry: Entry<V>): void {
    const { older, newer } = entry;
    // An old entry that is gone would keep younger ones alive.
    entry.older = entry.newer = undefined;
    if (older === undefined) this.oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.newest = older;
    else newer.older = older;
  }
}
