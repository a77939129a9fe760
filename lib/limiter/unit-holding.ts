import type { PolicyStatus } from '../contracts/decision.js';
import type { Policy } from '../contracts/policy.js';

/** Longest time that units are held, in ms. A reset by another process is noticed after that time. */
export const LONGEST_HELD_MS = 1_000;

/** `auto` takes what a key uses in about this time, in ms. */
const LASTING_MS = 100;

/** The store can end a window later than this process expects. Units are given back for this time after it, in ms. */
const LATER_MS = 100;

/** `auto` takes at most one part in so many of what is left. */
const SHARE = 16;

/** The status of a policy from the store, with its time. `sentMs` is the time of the request by the process's clock. */
export interface Told {
  readonly status: PolicyStatus;
  readonly nowMs: number;
  readonly sentMs: number;
}

/** Units that are given back. */
export interface Returned {
  readonly cost: number;
  /** The store's time of the charge, if it is known. */
  readonly chargedAtMs: number | undefined;
  readonly nowMs: number;
}

/** The result of a refund. The rest of it goes to the store. */
export interface TakenBack {
  /** Units that are held again. */
  readonly kept: number;
  /** Units that this process did not charge. The refund may be larger than what was charged at all. */
  readonly beyond: number;
}

/**
 * The units of one policy and key that a process took from the store in advance.
 *
 * Held and spent units together are never more than the store has counted in the present window. So the process can hand
 * units out, and hold them again after a refund, without asking the store.
 */
export class UnitHolding {
  /** Units that are debited and not handed out. */
  held = 0;
  /** Units that this process charged in the present window. Only these can be held again after a refund. */
  spent = 0;
  /** Increases when held units and debits in flight become invalid. */
  generation = 0;
  /** Resets and refunds in flight. During them nothing is debited in advance. */
  lowering = 0;
  /** The debit in advance that is in flight. */
  debiting: Promise<void> | undefined;
  /** Units that are being given back to the store. */
  returning: Promise<void> | undefined;
  /** Time of the last request to the store, ms. */
  askedMs = Number.NEGATIVE_INFINITY;
  /** The last status from the store. */
  private told: Told | undefined;
  /** End of the time in which held units are handed out, ms. */
  private untilMs = Number.NEGATIVE_INFINITY;
  private windowUntilMs = Number.NEGATIVE_INFINITY;
  private size = 0;

  constructor(
    readonly key: string,
    public policy: Policy,
  ) {}

  /** The store's time of the last debit, for a refund. */
  get chargedAtMs(): number {
    return this.told?.nowMs ?? 0;
  }

  /** End of the present window by the store's clock, ms since the epoch. It identifies the window. */
  get windowEndMs(): number {
    return this.told === undefined ? 0 : endOf(this.told);
  }

  /** Whether this process holds units, or has debits or refunds in flight: then a refusal by the store is not final. */
  get isBusy(): boolean {
    return this.held > 0 || this.debiting !== undefined || this.returning !== undefined;
  }

  has(cost: number, nowMs: number): boolean {
    return this.held >= cost && nowMs < this.untilMs;
  }

  /** Whether units are held that can no longer be handed out. */
  isStale(nowMs: number): boolean {
    return this.held > 0 && nowMs >= this.untilMs;
  }

  take(cost: number): void {
    this.held -= cost;
    this.spent += cost;
  }

  /** Holds the units of a call again that another policy refused. */
  putBack(cost: number, { generation, windowEndMs }: Pick<UnitHolding, 'generation' | 'windowEndMs'>): void {
    if (generation !== this.generation || windowEndMs !== this.windowEndMs) return;
    this.held += cost;
    this.spent -= cost;
  }

  /**
   * Takes all held units, to give them back. Answers 0 if their window is over. The store ignores units of an old window,
   * so it is safe to give them back late.
   */
  empty(nowMs: number): number {
    const { held } = this;
    this.held = 0;
    return nowMs < this.windowUntilMs + LATER_MS ? held : 0;
  }

  /** Whether the window is over and nothing is in flight. */
  isOver(nowMs: number): boolean {
    return nowMs >= this.windowUntilMs && this.debiting === undefined && this.lowering === 0;
  }

  /** Drops all held units, because the store may no longer count them. */
  void(): void {
    this.held = 0;
    this.spent = 0;
    this.generation += 1;
  }

  /** Stores a new status from the store. */
  learn(told: Told): void {
    const { status, sentMs } = told;
    if (this.told !== undefined && endOf(told) !== this.windowEndMs) {
      // A late answer about an older window.
      if (endOf(told) < this.windowEndMs && sentMs < this.windowUntilMs) return;
      this.held = 0;
      this.spent = 0;
    }
    this.told = told;
    // The store counts whole milliseconds. The millisecond of its decision may have been almost over.
    this.windowUntilMs = sentMs + status.resetAfterMs - 1;
  }

  /** Counts the cost of a call as spent, and holds the extra units. Both were debited when the store sent `told`. */
  charged(cost: number, extra: number, told: Told): void {
    this.learn(told);
    // A late answer about an older window.
    if (endOf(told) !== this.windowEndMs) return;
    this.spent += cost;
    if (extra === 0) return;
    this.held += extra;
    this.untilMs = Math.min(told.sentMs + LONGEST_HELD_MS, this.windowUntilMs);
  }

  /**
   * How many units to debit in addition to the cost of a call.
   *
   * With `auto`, a request soon after the last one doubles the size, and a late request makes it smaller.
   */
  inAdvance(cost: number, nowMs: number): number {
    const { lease = 'auto' } = this.policy;
    const left = nowMs < this.windowUntilMs ? this.told?.status.remaining : undefined;
    if (lease !== 'auto') return Math.max(0, Math.min(lease, left ?? lease) - cost - this.held);
    const passedMs = nowMs - this.askedMs;
    this.size =
      passedMs < LASTING_MS ? Math.max(2 * this.size, 2 * cost) : Math.floor((this.size * LASTING_MS) / passedMs);
    this.size = Math.min(this.size, Math.floor((left ?? 0) / SHARE));
    return Math.max(0, this.size - cost - this.held);
  }

  /** How many units of a refund can be held: those that this process charged in this window, if there is room. */
  roomFor({ cost, chargedAtMs, nowMs }: Returned): number {
    if (nowMs >= this.untilMs || !this.isOfWindow(chargedAtMs)) return 0;
    // If nothing is left, the key may be in debt. A refund must reduce the debt first.
    if (this.told?.status.remaining === 0) return 0;
    const { lease = 'auto' } = this.policy;
    const room = (lease === 'auto' ? this.size : lease) - this.held;
    return Math.max(0, Math.min(cost, this.spent, room));
  }

  /** Removes a refund from the spent units, and holds as many units as there is room for. */
  takeBack(returned: Returned): TakenBack {
    const { cost, chargedAtMs, nowMs } = returned;
    // The store ignores refunds of an old window.
    if (chargedAtMs !== undefined && chargedAtMs < this.windowStartMs) return { kept: 0, beyond: 0 };
    const kept = this.roomFor(returned);
    const own = nowMs < this.windowUntilMs && this.isOfWindow(chargedAtMs) ? Math.min(cost, this.spent) : 0;
    this.spent -= own;
    this.held += kept;
    return { kept, beyond: cost - own };
  }

  /** What is left for this process: what the store has left, plus what is held. */
  remaining(left: number, nowMs: number): number {
    return nowMs < this.windowUntilMs ? Math.min(this.policy.limit, left + this.held) : left;
  }

  /** The status of a call that is answered from held units, with the store's time. */
  status(nowMs: number): { readonly status: PolicyStatus; readonly nowMs: number } {
    const { status, nowMs: toldMs, sentMs } = this.told as Told;
    const passedMs = Math.max(0, Math.floor(nowMs - sentMs));
    const resetAfterMs = Math.max(0, status.resetAfterMs - passedMs);
    return {
      nowMs: toldMs + passedMs,
      status: {
        ...status,
        allowed: true,
        remaining: this.remaining(status.remaining, nowMs),
        resetAfterMs,
        retryAfterMs: 0,
        nextUnitAfterMs: resetAfterMs,
      },
    };
  }

  private get windowStartMs(): number {
    return this.windowEndMs - (this.told?.status.windowMs ?? 0);
  }

  private isOfWindow(chargedAtMs = this.windowStartMs): boolean {
    return chargedAtMs >= this.windowStartMs && chargedAtMs < this.windowEndMs;
  }
}

const endOf = ({ nowMs, status }: Told): number => nowMs + status.resetAfterMs;
