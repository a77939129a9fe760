import { setImmediate as settled } from 'node:timers/promises';

/** Something that happens at a time. */
interface Event {
  readonly atMs: number;
  /** Of two at one time the earlier made is first, so that a run is the same each time. */
  readonly order: number;
  readonly run: () => void;
}

/** The time of a simulation: it leaps from event to event. A binary heap, earliest first. */
export class Timeline {
  private readonly heap: Event[] = [];
  private made = 0;
  nowMs = 0;

  readonly clock = (): number => this.nowMs;

  after(delayMs: number, run: () => void): void {
    this.made += 1;
    this.push({ atMs: this.nowMs + Math.max(0, delayMs), order: this.made, run });
  }

  /** The same, for what may be called off. */
  readonly later = (delayMs: number, run: () => void): (() => void) => {
    let isOff = false;
    this.after(delayMs, () => {
      if (!isOff) run();
    });
    return () => {
      isOff = true;
    };
  };

  /** Runs all events up to a time; after each, promises that it has settled go on. */
  async runWithPromises(endMs: number): Promise<void> {
    for (let next = this.heap[0]; next !== undefined && next.atMs <= endMs; next = this.heap[0]) {
      this.runUntil(next.atMs);
      await settled();
    }
    this.nowMs = endMs;
  }

  /** Runs all events up to a time. */
  runUntil(endMs: number): void {
    for (let next = this.heap[0]; next !== undefined && next.atMs <= endMs; next = this.heap[0]) {
      this.pop();
      this.nowMs = next.atMs;
      next.run();
    }
    this.nowMs = endMs;
  }

  private push(event: Event): void {
    const { heap } = this;
    let index = heap.push(event) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (isBefore(heap[parent] as Event, event)) break;
      heap[index] = heap[parent] as Event;
      index = parent;
    }
    heap[index] = event;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop() as Event;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Event, heap[child] as Event)) child += 1;
      if (isBefore(last, heap[child] as Event)) break;
      heap[index] = heap[child] as Event;
      index = child;
    }
    heap[index] = last;
  }
}

const isBefore = (one: Event, other: Event): boolean =>
  one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
