import type { SubjectItem } from './subject-item.js';

const MAX_ITEMS = 10_000;

/** Most characters of counters that are held: sliding logs can be long. */
const MAX_SIZE = 8_000_000;

/**
 * Items as this process last saw them, so that a decision needs no read. They may be out of date: the condition of the
 * write finds that out. The least recently used go first.
 */
export class KnownItems {
  private readonly items = new Map<string, SubjectItem>();
  private size = 0;

  get(subject: string): SubjectItem | undefined {
    return this.items.get(subject);
  }

  set(subject: string, item: SubjectItem): void {
    this.delete(subject);
    if (item.version === undefined) return;
    this.items.set(subject, item);
    this.size += item.size;
    for (const oldest of this.items.keys()) {
      if (this.items.size <= MAX_ITEMS && this.size <= MAX_SIZE) break;
      this.delete(oldest);
    }
  }

  clear(): void {
    this.items.clear();
    this.size = 0;
  }

  private delete(subject: string): void {
    this.size -= this.items.get(subject)?.size ?? 0;
    this.items.delete(subject);
  }
}
