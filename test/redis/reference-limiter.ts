import {
  admits,
  advance,
  charge,
  isDisplaced,
  refund,
  refuse,
  resetAfterMs,
  statusOf,
  type CounterState,
} from '../../lib/algorithms/counter.js';
import type { Charge, ConsumeRequest, RefundRequest, Reply } from '../../lib/contracts/backend.js';
import type { Trace } from './timed-limiter.js';

export type ReferenceCall = ConsumeRequest & RefundRequest;

interface Counter {
  readonly state: CounterState;
  readonly keptUntilMs: number;
}

/** How long a counter outlives its last unit. */
const GRACE_MS = 1_000;

/** An expiry is set this part of itself ahead, so that it need not be set with each call. */
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

  constructor(private readonly clock: () => number) {}

  consume({ charges, overdraw = false }: ReferenceCall): Reply {
    const nowMs = this.clock();
    const attempts = charges.map(({ key, policy, cost }) => {
      const state = advance(this.find(key, policy.id)?.state, policy, nowMs);
      return { state, admitted: overdraw || admits(state, policy, cost, nowMs) };
    });
    const allowed = charges.every(({ policy }, index) => policy.mode === 'shadow' || attempts[index]!.admitted);
    const policies = charges.map((one, index) => {
      const { policy, cost } = one;
      const { state, admitted } = attempts[index]!;
      const next = !admitted
        ? refuse(state, policy, cost, nowMs)
        : allowed
          ? charge(state, policy, cost, nowMs)
          : state;
      this.store(one, next, next !== state);
      return statusOf(next, policy, cost, admitted, nowMs);
    });
    this.finish(charges);
    return { allowed, nowMs, policies };
  }

  peek({ charges }: ReferenceCall): Reply {
    const nowMs = this.clock();
    const policies = charges.map(({ key, policy }) =>
      statusOf(advance(this.find(key, policy.id)?.state, policy, nowMs), policy, 0, true, nowMs),
    );
    this.finish(charges);
    return { allowed: true, nowMs, policies };
  }

  refund({ charges, chargedAtMs }: ReferenceCall): void {
    const nowMs = this.clock();
    for (const one of charges) {
      const counter = this.find(one.key, one.policy.id);
      if (counter === undefined) continue;
      const state = advance(counter.state, one.policy, nowMs);
      const changes = one.cost > 0 && one.policy.limit > 0 && !('blockedUntilMs' in state);
      this.store(one, refund(state, one.policy, one.cost, nowMs, chargedAtMs, one.owed), changes);
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

  private store({ key, policy }: Charge, state: CounterState, changed: boolean): void {
    if (policy.limit === 0) return;
    const nowMs = this.clock();
    const counter = this.find(key, policy.id);
    const lifeMs = resetAfterMs(state, policy, nowMs);
    const displaced = counter !== undefined && isDisplaced(counter.state, policy, nowMs);
    const outlives = counter !== undefined && lifeMs > 0 && nowMs + lifeMs > counter.keptUntilMs;
    if (!changed && !displaced && !outlives) return;
    this.written.add(key);
    const counters = this.subjects.get(key) ?? new Map<string, Counter>();
    this.subjects.set(key, counters);
    if (lifeMs === 0) counters.delete(policy.id);
    else counters.set(policy.id, { state, keptUntilMs: nowMs + lifeMs });
  }

  /** Drops what is over from the keys that were written, and tells how the script must have written them. */
  private finish(charges: readonly Charge[]): void {
    const nowMs = this.clock();
    let px = -1;
    for (const key of new Set(charges.map((one) => one.key))) {
      const counters = this.subjects.get(key);
      if (!this.written.has(key) || counters === undefined) continue;
      if (sizeOf(counters) > (this.sizes.get(key) ?? 0)) {
        for (const [id, { keptUntilMs }] of counters) if (keptUntilMs + GRACE_MS <= nowMs) counters.delete(id);
      }
      this.sizes.set(key, sizeOf(counters));
      const neededMs = Math.max(...[...counters.values()].map(({ keptUntilMs }) => keptUntilMs + GRACE_MS));
      if (counters.size === 0) {
        this.expiresAtMs.delete(key);
      } else if (neededMs > (this.expiresAtMs.get(key) ?? 0)) {
        px = neededMs - nowMs + Math.floor((neededMs - nowMs) / SLACK);
        this.expiresAtMs.set(key, nowMs + px);
      }
    }
    this.lastTrace = { px, writes: this.written.size };
    this.written.clear();
  }
}

/** Bytes of a subject's counters: each has as many, and a log so many more for each of its records. */
function sizeOf(counters: ReadonlyMap<string, Counter>): number {
  let size = 0;
  for (const { state } of counters.values())
    size += 43 + ('entries' in state ? (13 * (state.tail - state.head)) / 2 : 0);
  return size;
}
