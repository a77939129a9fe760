import { LabelTree } from './label-tree.js';

/** Counts by the values of labels. Every request is counted, so it costs less than prom-client's own way. */
export class LabelTally {
  private readonly counts = new LabelTree(() => ({ count: 0 }));

  add(first: string, second?: string, third?: string): void {
    this.counts.at(first, second, third).count += 1;
  }

  /** All counts, with the values of their labels. */
  entries(): readonly (readonly [values: readonly string[], count: number])[] {
    return this.counts.entries().map(([labels, { count }]) => [labels, count]);
  }
}
