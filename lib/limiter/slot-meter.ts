import type { Charge } from '../contracts/backend.js';
import type { RateLimitEvents } from '../observe/rate-limit-events.js';

/** Counts the held slots and the waiting calls of this process, by policy, and emits events. */
export class SlotMeter {
  private readonly inUse = new Map<string, number>();
  private readonly waiting = new Map<string, number>();

  constructor(private readonly events: RateLimitEvents) {}

  /** Slots were given. */
  took(charges: readonly Charge[]): void {
    for (const { policy } of charges) this.slots(policy.name, 1);
  }

  /** Slots are free again. */
  freed(charges: readonly Charge[]): void {
    for (const { policy } of charges) this.slots(policy.name, -1);
  }

  /** A call joined a queue. Returns a function to call when it leaves. */
  joined(policy: string): () => void {
    const startedMs = performance.now();
    this.queue(policy, 1);
    return () => this.queue(policy, -1, performance.now() - startedMs);
  }

  private slots(policy: string, change: number): void {
    const inUse = changed(this.inUse, policy, change);
    if (this.events.heard) this.events.emit({ kind: 'slots', policy, inUse });
  }

  private queue(policy: string, change: number, waitedMs?: number): void {
    const length = changed(this.waiting, policy, change);
    if (!this.events.heard) return;
    this.events.emit({ kind: 'queue', policy, length, ...(waitedMs !== undefined && { waitedMs }) });
  }
}

function changed(counts: Map<string, number>, policy: string, change: number): number {
  const count = (counts.get(policy) ?? 0) + change;
  if (count === 0) counts.delete(policy);
  else counts.set(policy, count);
  return count;
}
