import type { CounterState } from '../algorithms/algorithm.js';
import { admits, decide } from '../algorithms/counter.js';
import type { Policy } from '../contracts/policy.js';

/** One call in so many may be refused by the limit that is looked for. */
const ONE_IN = 1_000;

/** A limit is no longer tried when it refused so many calls, and then some for each call there was. */
const HOPELESS = { calls: 1_000, share: 64 / ONE_IN };

/** How far the limits that are tried lie from the policy's own, as a factor. */
const REACH = 100;

/** The same for algorithms whose states depend on the limit, and how many steps there are for each power of ten. */
const NARROW = { reach: 10, steps: [10, 12, 15, 18, 22, 27, 33, 39, 47, 56, 68, 82] };

/** All numbers of two digits. */
const STEPS = Array.from({ length: 90 }, (_, index) => index + 10);

/** A limit, and the share of calls that it would have refused, 0 to 1. */
export interface TriedLimit {
  readonly limit: number;
  readonly share: number;
}

/** What is kept of a key for all limits. */
export interface LadderTrack {
  /** The state as if no call were refused: that of each limit that has refused none so far. */
  free: CounterState | undefined;
  /** From then on the key is as if never seen, ms. */
  freshAtMs: number;
  /** States under the limits that have refused a call of the key: those of the lowest limits. */
  readonly own: (CounterState | undefined)[];
}

export const newTrack = (): LadderTrack => ({ free: undefined, freshAtMs: 0, own: [] });

/**
 * Tries other limits on the calls that a policy meets, to find the lowest that refuses at most one call in a thousand.
 *
 * It takes the algorithm itself for each limit. A limit needs a state of its own only for keys of which it has refused a
 * call: until then its state is that of a key that nothing is refused. So a quiet key costs as much as one decision.
 */
export class LimitLadder {
  private calls = 0;
  private readonly policies: readonly Policy[];
  private readonly refused: Float64Array;
  /** Limits below are hopeless, and are tried no more. */
  private lowest = 0;
  /** Whether one state serves all limits that refused nothing. */
  private readonly isShared: boolean;

  constructor(private readonly policy: Policy) {
    this.isShared = policy.algorithm === 'sliding-window' || policy.algorithm === 'fixed-window';
    this.policies = limitsAround(policy, this.isShared).map((limit) => withLimit(policy, limit));
    this.refused = new Float64Array(this.policies.length);
  }

  /** Tries all limits on a call. */
  add(track: LadderTrack, cost: number, nowMs: number): void {
    this.calls += 1;
    if (nowMs >= track.freshAtMs) {
      track.free = undefined;
      track.own.length = 0;
    }
    const { own } = track;
    if (!this.isShared && own.length === 0) own.length = this.policies.length;
    let keptMs = 0;
    for (let index = this.lowest; index < own.length; index += 1) {
      const { state, status } = decide(own[index], this.policies[index] as Policy, cost, false, nowMs);
      own[index] = state;
      if (!status.allowed) this.refused[index] = (this.refused[index] as number) + 1;
      if (status.resetAfterMs > keptMs) keptMs = status.resetAfterMs;
    }
    if (this.isShared) keptMs = Math.max(keptMs, this.share(track, cost, nowMs));
    track.freshAtMs = Math.max(track.freshAtMs, nowMs + keptMs);
    this.giveUp();
  }

  /** The lowest limit that would have refused at most one call in a thousand; `undefined`: none of those tried. */
  get gentlest(): TriedLimit | undefined {
    const allowed = this.calls / ONE_IN;
    for (let index = this.lowest; index < this.policies.length; index += 1) {
      const refused = this.refused[index] as number;
      if (refused <= allowed) {
        return { limit: (this.policies[index] as Policy).limit, share: this.calls === 0 ? 0 : refused / this.calls };
      }
    }
    return undefined;
  }

  /** The limits that had refused nothing: those that refuse this call get a state of their own. */
  private share(track: LadderTrack, cost: number, nowMs: number): number {
    const { own, free } = track;
    let keptMs = 0;
    for (let index = Math.max(this.lowest, own.length); index < this.policies.length; index += 1) {
      const policy = this.policies[index] as Policy;
      if (admits(free, policy, cost, false, nowMs)) break;
      const { state, status } = decide(free, policy, cost, false, nowMs);
      own[index] = state;
      this.refused[index] = (this.refused[index] as number) + 1;
      if (status.resetAfterMs > keptMs) keptMs = status.resetAfterMs;
    }
    const { state, status } = decide(free, this.policy, cost, true, nowMs);
    track.free = state;
    return Math.max(keptMs, status.resetAfterMs);
  }

  private giveUp(): void {
    const most = HOPELESS.calls + this.calls * HOPELESS.share;
    while (this.lowest < this.policies.length && (this.refused[this.lowest] as number) > most) this.lowest += 1;
  }
}

/** Limits of at most two digits and zeros, lowest first. */
function limitsAround({ limit, algorithm }: Policy, isShared: boolean): readonly number[] {
  const reach = isShared ? REACH : NARROW.reach;
  const steps = isShared ? STEPS : NARROW.steps;
  const most = Math.min(Math.max(limit, 1) * reach, algorithm === 'sliding-log' ? 10_000 : 2 ** 34);
  const limits = new Set<number>();
  for (let power = 0.1; power * 10 <= most; power *= 10) {
    for (const step of steps) limits.add(Math.round(step * power));
  }
  return [...limits].filter((one) => one >= limit / reach && one <= most).sort((one, other) => one - other);
}

/** A bucket keeps its proportions. */
const withLimit = (policy: Policy, limit: number): Policy => ({
  ...policy,
  limit,
  burst: Math.max(1, Math.round((policy.burst * limit) / Math.max(policy.limit, 1))),
});
