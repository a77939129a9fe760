import type { BackendRequest, Charge, ConsumeRequest, Reply } from '../contracts/backend.js';
import { RateLimitConfigurationError } from '../contracts/errors.js';
import { anObject, onlyKnown } from '../policies/option-checks.js';
import {
  answerOf,
  isCovered,
  isOfAnotherQuota,
  isSameCall,
  isSameCost,
  Refusal,
  type Refused,
  validForMs,
} from './refusal.js';

/**
 * Whether refusals are remembered, and of how many keys: a whole number of at least 1. Above it, the least recently used
 * of some keys goes. Default 10,000.
 */
export type RefusalCacheInput = boolean | { readonly maxKeys?: number };

/** Refusals of one key, by different policies; each more is looked at before the store is asked. */
const MAX_OF_A_KEY = 8;

const DEFAULT_MAX_KEYS = 10_000;

/** Keys of which the least recently used is dropped. */
const COMPARED = 8;

/** Longest time that a refusal is remembered, in ms: so soon a reset in another process is noticed, of a block of days too. */
const LONGEST_MS = 60_000;

/**
 * Refusals of a store. Each is valid until the store's retry time, counted from when the call was sent, for at most a
 * minute.
 *
 * Exact: during that time, only a reset, a refund or another policy can let the call pass, and `drop` handles those of
 * this process. A refusal answers calls of the same or a higher cost by the same policies.
 */
export class RefusalCache {
  /** A refusal of several subjects stands under each of them. */
  private readonly refusals = new Map<string, readonly Refusal[]>();
  /** When a key was last dropped: what a call that was sent before then found is not kept. */
  private readonly dropped = new Map<string, number>();
  private droppedAllMs = Number.NEGATIVE_INFINITY;
  private uses = 0;
  /** The refusal of the last call, and what was answered, if that was asked for more than once. */
  private latest: Refusal | undefined;
  private latestCharges: readonly Charge[] = [];
  private latestAnswer: Reply | undefined;

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
    const nowMs = Math.floor(this.clock());
    for (const refusal of ofKey) {
      if (refusal.untilMs > nowMs && isCovered(refusal, charges)) return this.answer(refusal, charges, nowMs);
    }
    if (ofKey.every(({ untilMs }) => untilMs <= nowMs) || isOfAnotherQuota(ofKey, charges)) this.forget(key);
    return undefined;
  }

  /** Keeps a refusal, if it is one that other calls can be answered by. */
  keep({ charges, isProvisional }: ConsumeRequest, refused: Refused): void {
    if (isProvisional === true) return;
    const { sentMs } = refused;
    const untilMs = Math.floor(sentMs) + Math.min(LONGEST_MS, validForMs(charges, refused));
    if (untilMs <= this.clock() || sentMs <= this.droppedAllMs) return;
    // A reset may have come to the store after a call that was sent before it was over.
    if (charges.some(({ key }) => sentMs <= (this.dropped.get(key) ?? Number.NEGATIVE_INFINITY))) return;
    this.add(new Refusal(charges, refused, untilMs, (this.uses += 1)));
  }

  /** Forgets the refusals of keys that were charged: they still hold, but their remaining units are out of date. */
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

  /** A key that is asked for again and again gets the same answer for a millisecond. */
  private answer(refusal: Refusal, charges: readonly Charge[], nowMs: number): Reply {
    refusal.lastUse = this.uses += 1;
    const passedMs = nowMs - refusal.sentMs;
    if (refusal !== this.latest) {
      this.latest = refusal;
      this.latestAnswer = undefined;
      return answerOf(refusal, charges, passedMs);
    }
    const { latestAnswer } = this;
    if (latestAnswer?.nowMs === refusal.nowMs + passedMs && isSameCost(this.latestCharges, charges))
      return latestAnswer;
    this.latestCharges = charges;
    return (this.latestAnswer = answerOf(refusal, charges, passedMs));
  }

  private add(refusal: Refusal): void {
    for (const key of new Set(refusal.charges.map((charge) => charge.key))) {
      const others = (this.refusals.get(key) ?? []).filter(
        ({ untilMs, charges }) => untilMs > refusal.sentMs && !isSameCall(charges, refusal.charges),
      );
      for (const oldest of others.splice(0, others.length + 1 - MAX_OF_A_KEY)) oldest.untilMs = 0;
      this.refusals.delete(key);
      this.refusals.set(key, [...others, refusal]);
    }
    while (this.refusals.size > this.maxKeys) this.evict();
  }

  /**
   * Drops the least recently used of some keys, and looks at others the next time. To keep all keys in the order of their
   * use would take longer than to answer.
   */
  private evict(): void {
    const compared: { key: string; ofKey: readonly Refusal[]; lastUse: number }[] = [];
    for (const [key, ofKey] of this.refusals) {
      compared.push({ key, ofKey, lastUse: Math.max(...ofKey.map(({ lastUse }) => lastUse)) });
      if (compared.length === COMPARED) break;
    }
    compared.sort((one, other) => one.lastUse - other.lastUse);
    for (const { key, ofKey } of compared.splice(1)) {
      this.refusals.delete(key);
      this.refusals.set(key, ofKey);
    }
    for (const { key } of compared) this.forget(key);
  }

  private forget(key: string): void {
    const ofKey = this.refusals.get(key);
    if (ofKey === undefined) return;
    this.refusals.delete(key);
    // They may stand under other keys, too.
    for (const refusal of ofKey) refusal.untilMs = 0;
  }
}
