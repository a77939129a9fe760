/** What is kept for a list of names. */
export interface NameBranch<T> {
  kept: T | undefined;
  readonly next: Map<string, NameBranch<T>>;
}

const branch = <T>(): NameBranch<T> => ({ kept: undefined, next: new Map() });

/**
 * Values by lists of names, one level for each name. Joining the names at each call took up to half of the time of a
 * decision in memory.
 */
export class NameTree<T> {
  private root = branch<T>();
  private size = 0;

  /** @param maxBranches it forgets everything before it would have more */
  constructor(private readonly maxBranches: number) {}

  /** The place of one name or of a list; `undefined` if something in the list is no name. */
  at(names: unknown): NameBranch<T> | undefined {
    if (typeof names === 'string') return this.below(this.root, names);
    if (!Array.isArray(names)) return undefined;
    let place = this.root;
    for (let index = 0; index < names.length; index += 1) {
      const name: unknown = names[index];
      if (typeof name !== 'string') return undefined;
      place = this.below(place, name);
    }
    return place;
  }

  private below(place: NameBranch<T>, name: string): NameBranch<T> {
    return place.next.get(name) ?? this.grow(place, name);
  }

  private grow(place: NameBranch<T>, name: string): NameBranch<T> {
    const isFirst = place === this.root;
    if (this.size >= this.maxBranches) this.forget();
    const grown = branch<T>();
    // The end of a list whose beginning was just forgotten is kept the next time.
    (isFirst ? this.root : place).next.set(name, grown);
    this.size += 1;
    return grown;
  }

  private forget(): void {
    this.root = branch();
    this.size = 0;
  }
}
