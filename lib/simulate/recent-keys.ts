/**
 * Values by key in bounded memory: at most twice `maxKeys`, those that were not used for longest go first. Two maps take
 * turns, which costs less than a list of who was used last.
 */
export class RecentKeys<V> {
  private current = new Map<string, V>();
  private previous = new Map<string, V>();

  /** @param onDrop told of each value that has to go */
  constructor(
    private readonly maxKeys: number,
    private readonly onDrop: (value: V) => void,
  ) {}

  get(key: string): V | undefined {
    const value = this.current.get(key);
    if (value !== undefined) return value;
    const older = this.previous.get(key);
    if (older === undefined) return undefined;
    this.previous.delete(key);
    this.set(key, older);
    return older;
  }

  set(key: string, value: V): void {
    if (this.current.size >= this.maxKeys) {
      this.previous.forEach(this.onDrop);
      this.previous = this.current;
      this.current = new Map();
    }
    this.current.set(key, value);
  }
}
