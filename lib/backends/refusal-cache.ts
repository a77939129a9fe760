import type { CounterState } from '../algorithms/algorithm.js';
import { decide } from '../algorithms/counter.js';
import type { BackendRequest, Charge, ConsumeRequest, Reply } from '../contracts/backend.js';
import type { PolicyStatus } from '../contracts/decision.js';
import { RateLimitConfigurationError } from '../contracts/errors.js';
import type { Policy } from '../contracts/policy.js';
import { anObject, onlyKnown } from '../policies/option-checks.js';
import { isSameQuota } from '../policies/policy-identity.js';

/**
 * Whether refusals are remembered, and of how many keys: a whole number of at least 1, the least recently used goes first.
 * Default 10,000.
 */
export type RefusalCacheInput = boolean | { readonly maxKeys?: number };

/** What a store said of a call that it refused. */
export interface Refused {
  readonly reply: Reply;
  /** The counter of each charge at the time of the reply, where the store tells it: of what it does, dearer calls too. */
  readonly states: readonly (CounterState | undefined)[];
  /** `now()` of the cache before the call was sent. */
  readonly sentMs: number;
}

interface Refusal extends Refused {
  readonly charges: readonly Charge[];
  /** Until when it holds; 0 once it may be wrong. */
  untilMs: number;
  /** When it last answered, in whole ms since it was sent. */
  answeredMs: number;
  /** What it answers to all who ask the same in that millisecond: kept from the second on, for a key that is hot. */
  repeated: { readonly answer: Reply; readonly passedMs: number; readonly costs: readonly number[] } | undefined;
}

/** Refusals of one key, by different policies; each more is looked at before the store is asked. */
const MAX_OF_A_KEY = 8;

const DEFAULT_MAX_KEYS = 10_000;

/**
 * Refusals of a store, each good until the store's own retry time, counted from when the call was sent.
 *
 * Exact: within that time only a reset, a refund or another policy can let the call pass, and `drop` is told of those of
 * this process. A refusal answers calls of its cost or more by the same policies.
 */
export class RefusalCache {
  /** Recently used last. A refusal of several subjects stands under each of them. */
  private readonly refusals = new Map<string, Refusal[]>();
  /** When a key was last dropped: what a call that was sent before then found is not kept. */
  private readonly dropped = new Map<string, number>();
  private droppedAllMs = Number.NEGATIVE_INFINITY;
  private newest: string | undefined;

  /** @param clock monotonic, ms */
  constructor(
    private readonly maxKeys = DEFAULT_MAX_KEYS,
    private readonly clock: () => number = () => performance.now(),
  ) {}

  /**
   * @param option for errors
   * @returns `undefined` if it is switched off
   * @throws RateLimitConfigurationError for what is no such option
   */
  static of(option: string, input: RefusalCacheInput = true): RefusalCache | undefined {
    if (typeof input === 'boolean') return input ? new RefusalCache() : undefined;
    anObject(option, input, 'Give true, false, or { maxKeys }.');
    onlyKnown(option, input, ['maxKeys']);
    const { maxKeys = DEFAULT_MAX_KEYS } = input;
    if (Number.isSafeInteger(maxKeys) && maxKeys >= 1) return new RefusalCache(maxKeys);
    throw new RateLimitConfigurationError(`${option}.maxKeys`, maxKeys, 'Give a whole number of at least 1.');
  }

  /** Keys of which it remembers refusals. */
  get size(): number {
    return this.refusals.size;
  }

  /** The time that `keep` wants to know of a call: take it before the call is sent. */
  now(): number {
    return this.clock();
  }

  /** The refusal that a store would answer, if that is known. */
  find({ charges, overdraw, isProvisional }: ConsumeRequest): Reply | undefined {
    if (this.refusals.size === 0 || overdraw === true || isProvisional === true) return undefined;
    const { key } = charges[0] as Charge;
    const ofKey = this.refusals.get(key);
    if (ofKey === undefined) return undefined;
    const nowMs = this.clock();
    for (const refusal of ofKey) {
      if (refusal.untilMs <= nowMs || !isCovered(refusal, charges)) continue;
      if (key !== this.newest) this.touch(key, ofKey);
      return answerOf(refusal, charges, nowMs);
    }
    if (ofKey.every(({ untilMs }) => untilMs <= nowMs) || isOfAnotherQuota(ofKey, charges)) this.forget(key);
    return undefined;
  }

  /** Keeps a refusal, if it is one that other calls can be answered by. */
  keep({ charges, isProvisional }: ConsumeRequest, refused: Refused): void {
    if (isProvisional === true) return;
    const { sentMs } = refused;
    const untilMs = sentMs + validForMs(charges, refused);
    if (untilMs <= this.clock() || sentMs <= this.droppedAllMs) return;
    // A reset may have come to the store after a call that was sent before it was over.
    if (charges.some(({ key }) => sentMs <= (this.dropped.get(key) ?? Number.NEGATIVE_INFINITY))) return;
    this.add({ ...refused, charges, untilMs, answeredMs: -1, repeated: undefined });
  }

  /** Forgets what a charge has made out of date: not the refusals, but what they tell. */
  charged({ charges }: ConsumeRequest): void {
    if (this.refusals.size > 0) for (const { key, cost } of charges) if (cost > 0) this.forget(key);
  }

  /**
   * Forgets the refusals of keys whose counters may have gone down. To be called before a verb that does that is sent,
   * and again when it is over, however it ended.
   */
  drop({ charges }: BackendRequest): void {
    const nowMs = this.clock();
    for (const { key } of charges) {
      this.forget(key);
      this.dropped.delete(key);
      this.dropped.set(key, nowMs);
    }
    if (this.dropped.size <= this.maxKeys) return;
    // It need not remember for whom: nothing that was sent before now is kept.
    this.dropped.clear();
    this.droppedAllMs = nowMs;
  }

  private add(refusal: Refusal): void {
    for (const key of new Set(refusal.charges.map((charge) => charge.key))) {
      const others = (this.refusals.get(key) ?? []).filter(
        ({ untilMs, charges }) => untilMs > refusal.sentMs && !isSameCall(charges, refusal.charges),
      );
      for (const oldest of others.splice(0, others.length + 1 - MAX_OF_A_KEY)) oldest.untilMs = 0;
      this.touch(key, [...others, refusal]);
    }
    while (this.refusals.size > this.maxKeys) {
      const [leastRecent] = this.refusals.keys();
      this.forget(leastRecent as string);
    }
  }

  private touch(key: string, ofKey: Refusal[]): void {
    this.refusals.delete(key);
    this.refusals.set(key, ofKey);
    this.newest = key;
  }

  private forget(key: string): void {
    const ofKey = this.refusals.get(key);
    if (ofKey === undefined) return;
    this.refusals.delete(key);
    if (this.newest === key) this.newest = undefined;
    // They may stand under other keys, too.
    for (const refusal of ofKey) refusal.untilMs = 0;
  }
}

/**
 * For how long the store would refuse such calls, and what its policies say is known; 0 if it is not.
 */
function validForMs(charges: readonly Charge[], { reply, states }: Refused): number {
  let refusedForMs = 0;
  let knownForMs = Number.POSITIVE_INFINITY;
  for (let index = 0; index < charges.length; index += 1) {
    const { policy } = charges[index] as Charge;
    const status = reply.policies[index] as PolicyStatus;
    // A shadow policy counts what the others refuse to, and slots are freed at any time.
    if (policy.mode === 'shadow' || policy.algorithm === 'concurrency') return 0;
    if (status.allowed) {
      // By the time of the next call it may refuse, and block then.
      if (policy.blockForMs > 0) return 0;
      continue;
    }
    const { nextUnitAfterMs = 0 } = status;
    const retryAfterMs = status.retryAfterMs ?? Number.POSITIVE_INFINITY;
    refusedForMs = Math.max(refusedForMs, retryAfterMs);
    // After a block it may admit what comes first, and block again.
    if (policy.blockForMs > 0) knownForMs = Math.min(knownForMs, retryAfterMs);
    // Without its counter, it is not known how many units are left once more of them are.
    if (states[index] === undefined) knownForMs = Math.min(knownForMs, retryAfterMs, nextUnitAfterMs);
  }
  // What can never pass is asked again some day, for the sake of the policies that do not refuse it.
  if (refusedForMs === Number.POSITIVE_INFINITY)
    refusedForMs = Math.max(...charges.map(({ policy }) => policy.windowMs));
  // The store counts whole milliseconds: the one in which it decided may have been over at once.
  return Math.min(refusedForMs, knownForMs) - 1;
}

/** Whether a refusal says that calls with these charges are refused, too, and what it is told of them. */
function isCovered(refusal: Refusal, charges: readonly Charge[]): boolean {
  if (refusal.charges.length !== charges.length) return false;
  for (let index = 0; index < charges.length; index += 1) {
    const refused = refusal.charges[index] as Charge;
    const { key, policy, cost } = charges[index] as Charge;
    if (cost !== refused.cost && (cost < refused.cost || refusal.states[index] === undefined)) return false;
    if (key !== refused.key || !isSameQuota(policy, refused.policy)) return false;
  }
  return true;
}

const isSameCall = (some: readonly Charge[], others: readonly Charge[]): boolean =>
  some.length === others.length &&
  some.every(({ key, policy }, index) => key === others[index]?.key && policy.id === others[index].policy.id);

/** Whether a policy has changed since it refused: what the store holds is counted anew by it. */
const isOfAnotherQuota = (ofKey: readonly Refusal[], charges: readonly Charge[]): boolean =>
  ofKey.some((refusal) =>
    refusal.charges.some(({ key, policy }) =>
      charges.some((one) => one.key === key && one.policy.id === policy.id && !isSameQuota(one.policy, policy)),
    ),
  );

/** A refusal as of now. Statuses of policies that do not refuse are the last that is known of them. */
function answerOf(refusal: Refusal, charges: readonly Charge[], nowMs: number): Reply {
  const { repeated } = refusal;
  const passedMs = Math.floor(nowMs - refusal.sentMs);
  if (repeated?.passedMs === passedMs && charges.every(({ cost }, index) => cost === repeated.costs[index])) {
    return repeated.answer;
  }
  const answer = answerAt(refusal, charges, passedMs);
  // What is kept costs the collector more than what is made: a key that is asked for now and then keeps nothing.
  if (refusal.answeredMs === passedMs) {
    refusal.repeated = { answer, passedMs, costs: charges.map(({ cost }) => cost) };
  }
  refusal.answeredMs = passedMs;
  return answer;
}

function answerAt({ reply, states, charges: refused }: Refusal, charges: readonly Charge[], passedMs: number): Reply {
  const nowMs = reply.nowMs + passedMs;
  const policies = reply.policies.map((status, index) => {
    const { policy, cost } = charges[index] as Charge;
    const state = states[index];
    if (state !== undefined && (!status.allowed || cost !== refused[index]?.cost))
      return asOf(state, policy, cost, nowMs);
    return status.allowed ? status : later(status, passedMs);
  });
  return { allowed: false, nowMs, policies, source: 'cache' };
}

/** What a policy says of a call that is refused: by one that admits it, nothing is charged. */
function asOf(state: CounterState, policy: Policy, cost: number, atMs: number): PolicyStatus {
  const { status } = decide(state, policy, cost, false, atMs);
  return status.allowed ? decide(state, policy, 0, false, atMs).status : status;
}

function later(status: PolicyStatus, passedMs: number): PolicyStatus {
  const { resetAfterMs, retryAfterMs, nextUnitAfterMs } = status;
  return {
    ...status,
    resetAfterMs: Math.max(0, resetAfterMs - passedMs),
    retryAfterMs: retryAfterMs === null ? null : retryAfterMs - passedMs,
    ...(nextUnitAfterMs !== undefined && { nextUnitAfterMs: Math.max(0, nextUnitAfterMs - passedMs) }),
  };
}
