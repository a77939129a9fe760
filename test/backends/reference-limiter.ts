import type { CounterState } from '../../lib/algorithms/algorithm.js';
import { admits, asOfNow, decide, refund, renew } from '../../lib/algorithms/counter.js';
import type { Charge, ConsumeRequest, RefundRequest, Reply } from '../../lib/contracts/backend.js';

export type ReferenceCall = ConsumeRequest & RefundRequest;

/** What a call wrote. */
export interface Trace {
  /** The last expiry that was set anew, in ms; -1 if none. */
  readonly px: number;
  readonly writes: number;
}

interface Weights {
  readonly counter: number;
  readonly record: number;
}

interface Counter {
  readonly state: CounterState;
  readonly keptUntilMs: number;
}

/** How long a counter outlives its last unit. */
const GRACE_MS = 1_000;

/** An expiry is set this part of itself ahead, or the grace again, whichever is longer, so that it need not be set with each call. */
const SLACK = 16;

/**
 * What the script must decide, and what it must write, from the pure functions and the rules of storage: a key holds
 * the counters of a subject, is written only when one of them changes, lets go of those that are over when it grows,
 * and expires after the last of them.
 */
export class ReferenceLimiter {
  private readonly subjects = new Map<string, Map<string, Counter>>();
  private readonly expiresAtMs = new Map<string, number>();
  private readonly written = new Set<string>();
  private readonly sizes = new Map<string, number>();
  lastTrace: Trace = { px: -1, writes: 0 };

  /** @param weights what a counter weighs in a key, and a record of a log: a key that gets heavier lets go of what is over */
  constructor(
    private readonly clock: () => number,
    private readonly weights: Weights = { counter: 43, record: 13 },
  ) {}

  consume({ charges, overdraw = false }: ReferenceCall): Reply {
    const nowMs = this.clock();
    const stored = charges.map(({ key, policy }) => this.find(key, policy.id)?.state);
    const admitted = charges.map(({ policy, cost, slot }, index) =>
      admits(stored[index], policy, cost, overdraw, nowMs, slot),
    );
    const allowed = charges.every(({ policy }, index) => policy.mode === 'shadow' || admitted[index]);
    const policies = charges.map((one, index) => {
      const cost = allowed || !admitted[index] ? one.cost : 0;
      const { state, status } = decide(stored[index], one.policy, cost, overdraw, nowMs, one.slot);
      this.store(one, state);
      return status;
    });
    this.finish(charges);
    return { allowed, nowMs, policies };
  }

  peek({ charges }: ReferenceCall): Reply {
    const nowMs = this.clock();
    const policies = charges.map(
      ({ key, policy }) => decide(this.find(key, policy.id)?.state, policy, 0, false, nowMs).status,
    );
    this.finish(charges);
    return { allowed: true, nowMs, policies };
  }

  refund({ charges, chargedAtMs }: ReferenceCall): void {
    const nowMs = this.clock();
    for (const one of charges) {
      const { key, policy, cost, owed, slot } = one;
      const stored = this.find(key, policy.id)?.state;
      if (stored === undefined) continue;
      const rewrites = cost > 0 && asOfNow(stored, policy, nowMs).windowMs > 0;
      this.store(one, refund(stored, policy, cost, nowMs, chargedAtMs, owed, slot), rewrites);
    }
    this.finish(charges);
  }

  renew({ charges }: ReferenceCall): void {
    const nowMs = this.clock();
    for (const one of charges) {
      const stored = this.find(one.key, one.policy.id)?.state;
      if (stored !== undefined) this.store(one, renew(stored, one.policy, one.slot, nowMs));
    }
    this.finish(charges);
  }

  reset({ charges }: ReferenceCall): void {
    for (const { key, policy } of charges) {
      if (this.subjects.get(key)?.delete(policy.id)) this.written.add(key);
    }
    this.finish(charges);
  }

  private find(key: string, id: string): Counter | undefined {
    return this.subjects.get(key)?.get(id);
  }

  /** Writes what a call leaves behind, if that is another state than was stored, or one that must be kept for longer. */
  private store({ key, policy }: Charge, state: CounterState | undefined, rewrites = false): void {
    if (policy.limit === 0) return;
    const nowMs = this.clock();
    const counter = this.find(key, policy.id);
    const lifeMs = decide(state, policy, 0, false, nowMs).status.resetAfterMs;
    const outlives = counter !== undefined && lifeMs > 0 && nowMs + lifeMs > counter.keptUntilMs;
    if (state === counter?.state && !rewrites && !outlives) return;
    this.written.add(key);
    const counters = this.subjects.get(key) ?? new Map<string, Counter>();
    this.subjects.set(key, counters);
    if (lifeMs === 0) counters.delete(policy.id);
    else counters.set(policy.id, { state: asOfNow(state, policy, nowMs), keptUntilMs: nowMs + lifeMs });
  }

  /** Drops what is over from the keys that were written, and tells how the script must have written them. */
  private finish(charges: readonly Charge[]): void {
    const nowMs = this.clock();
    let px = -1;
    for (const key of new Set(charges.map((one) => one.key))) {
      const counters = this.subjects.get(key);
      if (!this.written.has(key) || counters === undefined) continue;
      if (this.weightOf(counters) > (this.sizes.get(key) ?? 0)) {
        for (const [id, { keptUntilMs }] of counters) if (keptUntilMs + GRACE_MS <= nowMs) counters.delete(id);
      }
      this.sizes.set(key, this.weightOf(counters));
      const neededMs = Math.max(...[...counters.values()].map(({ keptUntilMs }) => keptUntilMs + GRACE_MS));
      if (counters.size === 0) {
        this.expiresAtMs.delete(key);
      } else if (neededMs > (this.expiresAtMs.get(key) ?? 0)) {
        px = neededMs - nowMs + Math.max(GRACE_MS, Math.floor((neededMs - nowMs) / SLACK));
        this.expiresAtMs.set(key, nowMs + px);
      }
    }
    this.lastTrace = { px, writes: this.written.size };
    this.written.clear();
  }

  private weightOf(counters: ReadonlyMap<string, Counter>): number {
    const { counter, record } = this.weights;
    let weight = 0;
    for (const [id, { state }] of counters) weight += counter + record * recordsOf(id, state);
    return weight;
  }
}

function recordsOf(id: string, { windowMs, at, rest, log = [] }: CounterState): number {
  if (windowMs === 0) return 0;
  if (id.endsWith('#sliding-log')) return (at - rest) / 2;
  if (id.endsWith('#concurrency')) return log.length / 2;
  return id.endsWith('#strict-window') ? log.length / 2 + 1 : 0;
}
