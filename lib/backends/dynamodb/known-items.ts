import type { SubjectItem } from './subject-item.js';

/** Most items that are held, and most numbers in them: sliding logs can be long. */
const MAX_ITEMS = 10_000;
const MAX_NUMBERS = 2_000_000;

/**
 * Items as this process last saw them, so that a decision needs no read. They may be out of date: the condition of the
 * write finds that out. The least recently used go first.
 */
export class KnownItems {
  private readonly items = new Map<string, SubjectItem>();
  private numbers = 0;

  get(subject: string): SubjectItem | undefined {
    return this.items.get(subject);
  }

  /** Remembers an item as the most recently used; one that is not there is forgotten. */
  set(subject: string, item: SubjectItem): void {
    this.delete(subject);
    if (item.version === undefined) return;
    this.items.set(subject, item);
    this.numbers += numbersIn(item);
    for (const oldest of this.items.keys()) {
      if (this.items.size <= MAX_ITEMS && this.numbers <= MAX_NUMBERS) break;
      this.delete(oldest);
    }
  }

  clear(): void {
    this.items.clear();
    this.numbers = 0;
  }

  private delete(subject: string): void {
    const item = this.items.get(subject);
    if (item === undefined) return;
    this.items.delete(subject);
    this.numbers -= numbersIn(item);
  }
}

function numbersIn({ counters }: SubjectItem): number {
  let numbers = 0;
  for (const { state } of counters.values()) numbers += 5 + (state.log?.length ?? 0);
  return numbers;
}
