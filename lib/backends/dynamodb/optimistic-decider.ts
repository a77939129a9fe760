import { setMaxListeners } from 'node:events';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import type { Reply } from '../../contracts/backend.js';
import { isUnanswered } from '../../contracts/error-like.js';
import { DeadlineExceededError } from '../../contracts/errors.js';
import { MAX_TIMER_MS } from '../../policies/duration.js';
import { isTransient } from './dynamodb-errors.js';
import type { ItemClock, ItemTime } from './item-clock.js';
import { ItemDraft } from './item-draft.js';
import type { ItemStore } from './item-store.js';
import type { ItemWrite } from './item-write.js';
import { KnownItems } from './known-items.js';
import type { Operation } from './operations.js';
import { pause } from './pause.js';
import { RivalWatch } from './rival-watch.js';
import { NO_ITEM, type SubjectItem } from './subject-item.js';
import { SubjectTurns } from './subject-turns.js';

/** A call that waits for its reply. */
interface Call {
  readonly subjects: readonly string[];
  readonly operation: Operation;
  /** By `performance.now()`. */
  readonly deadlineMs: number;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: unknown) => void;
}

/** Longest wait after a first failure of the store, in ms, and after any; it doubles with each. */
const FIRST_WAIT_MS = 5;
const MAX_WAIT_MS = 80;

/** Longest wait after a first lost race, in ms; it shrinks with each, so that who has lost often is the first to try. */
const RACE_WAIT_MS = 4;

/** A call ends this long before its deadline, in ms, so that its caller still hears why it failed. */
const REPORT_MS = 1;

/**
 * Decides calls in the process on what it knows of their items, and writes on condition that they have not changed.
 *
 * If they have, the store says what they are now, and the calls are decided again. A decision that changes nothing, such
 * as a refusal, is checked by a read, since somebody may have given units back. Every write has a version of its own, so
 * a write whose answer was lost is recognised, and nobody is charged twice.
 */
export class OptimisticDecider {
  private readonly known = new KnownItems();
  private readonly turns = new SubjectTurns<Call>((calls, isWanted) => this.serve(calls, isWanted));
  private writes = 0;
  private readonly rivals: RivalWatch;

  /** @param writer unique name of this process's writes */
  constructor(
    private readonly store: ItemStore,
    private readonly clock: ItemClock,
    private readonly writer: string,
    private readonly ready: (signal: AbortSignal) => Promise<void>,
  ) {
    this.rivals = new RivalWatch(writer);
  }

  run(keys: Iterable<string>, operation: Operation, timeoutMs: number): Promise<Reply> {
    const subjects = [...new Set(keys)];
    const deadlineMs = performance.now() + timeoutMs;
    return new Promise((resolve, reject) => {
      this.turns.add({ subjects, operation, deadlineMs, resolve, reject });
    });
  }

  forget(): void {
    this.known.clear();
  }

  private async serve(calls: readonly Call[], isWanted: () => boolean): Promise<void> {
    const nowMs = performance.now();
    const live = calls.filter(({ deadlineMs }) => deadlineMs > nowMs);
    for (const call of calls) if (!live.includes(call)) call.reject(DeadlineExceededError.of(0));
    if (live.length === 0) return;
    try {
      const leftMs = Math.max(...live.map(({ deadlineMs }) => deadlineMs)) - nowMs;
      const timeoutMs = Math.max(0, Math.floor(leftMs) - REPORT_MS);
      const signal = AbortSignal.timeout(Math.min(timeoutMs, MAX_TIMER_MS));
      // The driver adds a listener for each request, and Node takes more than ten for a leak.
      setMaxListeners(0, signal);
      const replies = await this.decide(live, signal);
      live.forEach(({ resolve }, index) => resolve(replies[index] as Reply));
    } catch (error) {
      for (const { reject } of live) reject(error);
    }
    await setImmediate();
    if (isWanted()) await sleep(this.rivals.pauseMs(performance.now() - nowMs));
  }

  private async decide(calls: readonly Call[], signal: AbortSignal): Promise<readonly Reply[]> {
    await this.ready(signal);
    const subjects = [...new Set(calls.flatMap((call) => call.subjects))];
    /** What the store itself has said since these calls came. */
    const seen = new Map<string, SubjectItem>();
    /** What would be answered if a write was stored, by its version. */
    const attempts = new Map<string, readonly Reply[]>();
    /** The store's last answer, if that was an error. */
    let failure: unknown;
    for (let failures = 0; ;) {
      const items = new Map(subjects.map((one) => [one, seen.get(one) ?? this.known.get(one) ?? NO_ITEM]));
      const time = this.clock.read(items.values());
      const draft = new ItemDraft(items);
      const replies = calls.map(({ operation }) => operation(draft, time.nowMs));
      const { changed } = draft;
      const unsure = subjects.filter((one) => !seen.has(one) && !changed.includes(one));
      if (unsure.length === 0 && changed.length === 0) return replies;
      try {
        if (unsure.length > 0) {
          await this.look(unsure, seen, signal);
          failure = undefined;
          continue;
        }
        const version = this.nextVersion();
        attempts.set(version, replies);
        if (await this.write(writesOf(draft, items, time, version), seen, signal)) return replies;
        failure = undefined;
        const stored = [...seen.values()].map((item) => attempts.get(item.version ?? '')).find((one) => one);
        if (stored !== undefined) return stored;
      } catch (error) {
        // A call that was throttled until its deadline was throttled, not left without an answer.
        if (signal.aborted && isUnanswered(error)) throw failure ?? signal.reason;
        if (!isTransient(error)) throw error;
        failure = error;
      }
      failures += 1;
      await pause(waitMs(failures, failure), signal, failure);
    }
  }

  /** @returns whether it is stored; else `seen` has what is there instead */
  private async write(
    writes: readonly ItemWrite[],
    seen: Map<string, SubjectItem>,
    signal: AbortSignal,
  ): Promise<boolean> {
    const result = await this.store.write(writes, signal);
    if (result.kind === 'written') {
      for (const { subject, after } of writes) this.known.set(subject, after);
      return true;
    }
    for (const [subject, item] of result.items) if (item !== undefined) this.note(subject, item, seen);
    const untold = [...result.items].filter(([, item]) => item === undefined).map(([subject]) => subject);
    await this.look(untold, seen, signal);
    return false;
  }

  private async look(subjects: readonly string[], seen: Map<string, SubjectItem>, signal: AbortSignal): Promise<void> {
    const items = await Promise.all(subjects.map((subject) => this.store.read(subject, signal)));
    subjects.forEach((subject, index) => this.note(subject, items[index] as SubjectItem, seen));
  }

  private note(subject: string, item: SubjectItem, seen: Map<string, SubjectItem>): void {
    seen.set(subject, item);
    this.known.set(subject, item);
    this.rivals.note(item);
  }

  private nextVersion(): string {
    this.writes += 1;
    return `${this.writer}.${this.writes.toString(36)}`;
  }
}

function writesOf(
  draft: ItemDraft,
  items: ReadonlyMap<string, SubjectItem>,
  { nowMs, clock }: ItemTime,
  version: string,
): ItemWrite[] {
  return draft.changed.map((subject) => {
    const before = items.get(subject) ?? NO_ITEM;
    const counters = draft.countersOf(subject, nowMs);
    return { subject, before, after: { version, writtenAtMs: nowMs, clock, counters } };
  });
}

/** Waits are random, so that rivals fall out of step. */
const waitMs = (failures: number, failure: unknown): number =>
  failure === undefined
    ? (Math.random() * RACE_WAIT_MS) / failures
    : Math.random() * Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** (failures - 1));
