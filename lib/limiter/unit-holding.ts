import type { PolicyStatus } from '../contracts/decision.js';
import type { Policy } from '../contracts/policy.js';

/** How long units are held that nobody uses, ms: so soon a reset in another process is noticed. */
export const LONGEST_HELD_MS = 1_000;

/** What `auto` takes at a time is used up in about so long, ms. */
const LASTING_MS = 100;

/** So much later than is known a window ends at most, or little is lost, ms. */
const LATER_MS = 100;

/** The part of what is left that `auto` takes at most. */
const SHARE = 16;

/** What a store said of a policy, and when: `sentMs` is the process's clock when it was asked. */
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

/** What became of a refund; the rest of it is the store's. */
export interface TakenBack {
  /** Held from now on. */
  readonly kept: number;
  /** Not known to be charged by this process: beyond what was charged at all, for what it knows. */
  readonly beyond: number;
}

/**
 * The units of one policy and key that a process has debited in advance.
 *
 * What it holds and what it has handed out is never more than what the store has counted: so it can be handed out without
 * asking, and taken back by a refund, for as long as the store counts the same window.
 */
export class UnitHolding {
  /** Debited, and not handed out. */
  held = 0;
  /** Charged by this process in the present window; the part of a refund that is its own. */
  spent = 0;
  /** Grows when what is held, and what is on its way, is void. */
  generation = 0;
  /** Verbs under way that lower the counter: nothing is debited in advance meanwhile. */
  lowering = 0;
  /** A debit in advance that is under way. */
  debiting: Promise<void> | undefined;
  /** What is being given back to the store. */
  returning: Promise<void> | undefined;
  /** When the holding was last used to ask the store. */
  askedMs = Number.NEGATIVE_INFINITY;
  /** What was last told of the store. */
  private told: Told | undefined;
  /** Until when units may be handed out, and may be given back. */
  private untilMs = Number.NEGATIVE_INFINITY;
  private windowUntilMs = Number.NEGATIVE_INFINITY;
  private size = 0;

  constructor(
    readonly key: string,
    public policy: Policy,
  ) {}

  /** The store's time of what is held, for a refund. */
  get chargedAtMs(): number {
    return this.told?.nowMs ?? 0;
  }

  /** The store's end of the present window, ms since the epoch: the name of the window. */
  get windowEndMs(): number {
    return this.told === undefined ? 0 : endOf(this.told);
  }

  /** Whether something goes on by which the store has more for this process than it says. */
  get isBusy(): boolean {
    return this.held > 0 || this.debiting !== undefined || this.returning !== undefined;
  }

  has(cost: number, nowMs: number): boolean {
    return this.held >= cost && nowMs < this.untilMs;
  }

  /** Whether units lie there that can only be given back. */
  isStale(nowMs: number): boolean {
    return this.held > 0 && nowMs >= this.untilMs;
  }

  take(cost: number): void {
    this.held -= cost;
    this.spent += cost;
  }

  /** Takes back what a call took that was refused by others. */
  putBack(cost: number, { generation, windowEndMs }: Pick<UnitHolding, 'generation' | 'windowEndMs'>): void {
    if (generation !== this.generation || windowEndMs !== this.windowEndMs) return;
    this.held += cost;
    this.spent -= cost;
  }

  /**
   * All that is held, for giving it back; 0 where its window is over. The store may end it a little later than is known
   * here, and takes nothing back that it has ended.
   */
  empty(nowMs: number): number {
    const { held } = this;
    this.held = 0;
    return nowMs < this.windowUntilMs + LATER_MS ? held : 0;
  }

  /** Whether nothing of it matters any longer. */
  isOver(nowMs: number): boolean {
    return nowMs >= this.windowUntilMs && this.debiting === undefined && this.lowering === 0;
  }

  /** Forgets what is held: the store may no longer have counted it. */
  void(): void {
    this.held = 0;
    this.spent = 0;
    this.generation += 1;
  }

  /** Learns what the store has left, and which window it counts. */
  learn(told: Told): void {
    const { status, sentMs } = told;
    if (this.told !== undefined && endOf(told) !== this.windowEndMs) {
      // What was told of an older window comes late.
      if (endOf(told) < this.windowEndMs && sentMs < this.windowUntilMs) return;
      this.held = 0;
      this.spent = 0;
    }
    this.told = told;
    // The store counts whole milliseconds: the one in which it decided may have been over at once.
    this.windowUntilMs = sentMs + status.resetAfterMs - 1;
  }

  /** Counts what a call was charged, and holds what was debited beside it. The store was asked for both as `told` says. */
  charged(cost: number, extra: number, told: Told): void {
    this.learn(told);
    // Of a window that is over, or was never begun.
    if (endOf(told) !== this.windowEndMs) return;
    this.spent += cost;
    if (extra === 0) return;
    this.held += extra;
    this.untilMs = Math.min(told.sentMs + LONGEST_HELD_MS, this.windowUntilMs);
  }

  /**
   * Units to debit beside a call that costs so much.
   *
   * A call that comes soon after the one before doubles what `auto` takes, a late one lessens it.
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

  /** How much of a refund can be held: what this process has charged in this window, as far as there is room. */
  roomFor({ cost, chargedAtMs, nowMs }: Returned): number {
    if (nowMs >= this.untilMs || !this.isOfWindow(chargedAtMs)) return 0;
    // Where nothing is left, there may be a debt, which a refund lessens first.
    if (this.told?.status.remaining === 0) return 0;
    const { lease = 'auto' } = this.policy;
    const room = (lease === 'auto' ? this.size : lease) - this.held;
    return Math.max(0, Math.min(cost, this.spent, room));
  }

  /** Takes back what of a refund this process has charged in this window, and holds what there is room for. */
  takeBack(returned: Returned): TakenBack {
    const { cost, chargedAtMs, nowMs } = returned;
    // The store knows that it is over.
    if (chargedAtMs !== undefined && chargedAtMs < this.windowStartMs) return { kept: 0, beyond: 0 };
    const kept = this.roomFor(returned);
    const own = nowMs < this.windowUntilMs && this.isOfWindow(chargedAtMs) ? Math.min(cost, this.spent) : 0;
    this.spent -= own;
    this.held += kept;
    return { kept, beyond: cost - own };
  }

  /** What is left for this process, as of the last that is known. */
  remaining(left: number, nowMs: number): number {
    return nowMs < this.windowUntilMs ? Math.min(this.policy.limit, left + this.held) : left;
  }

  /** What the policy says of a call that is answered here, and the store's time of it. */
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
