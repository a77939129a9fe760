import { divide, refundOf } from '../algorithms/refunds.js';
import type { Charge, Refund } from '../contracts/backend.js';
import type { Decision } from '../contracts/decision.js';
import { isUnavailable } from '../contracts/errors.js';
import { withCost } from './charges.js';
import type { Outcome, Receipt } from './decider.js';
import { type HeldSlots, isSlot } from './held-slots.js';

/**
 * Units that were charged for work whose real cost is known only at its end.
 *
 * A lease of a call that passed without being counted (failure mode `open`, or a limiter that is disabled) tells so in
 * `decision`, and its other verbs do nothing.
 *
 * Of a concurrency policy it holds a slot, renewed until it is settled or released: both give it back.
 */
export interface Lease extends AsyncDisposable {
  /** The decision by which it was granted. */
  readonly decision: Decision;
  /** Charges more, for each policy. A refusal is a value and charges nothing. */
  consume(units: number): Promise<Decision>;
  /**
   * Corrects the charge by a difference: up, into debt where the quota does not suffice; or down, at most to nothing.
   * Never throws for want of quota.
   */
  adjust(units: number): Promise<void>;
  /** Keeps what was charged, and what still will be: nothing is given back after it. */
  settle(): void;
  /**
   * Gives back all of it, and at once what a call in flight, or one made later, still charges; nothing once it was
   * settled or released. A release that fails is final, for the backend may have got to it: what it did not give back
   * lapses with its window.
   */
  release(): Promise<void>;
  /**
   * Releases, unless settled. A backend that is out of reach is no error here, where it would hide the block's own: what
   * it cannot give back lapses with its window.
   */
  [Symbol.asyncDispose](): Promise<void>;
}

/** What a lease charges to. */
export interface LeaseAccount {
  charge(charges: readonly Charge[], overdraw: boolean): Promise<Outcome>;
  refund(charges: readonly Refund[], receipt: Receipt): Promise<void>;
}

/** What was charged at one time, in one place, and has not been given back. */
interface Holding {
  readonly receipt: Receipt;
  readonly charges: readonly Refund[];
}

/** The lease behind `BackendService#acquire`. */
export class BackendLease implements Lease {
  readonly decision: Decision;
  private held: readonly Holding[] = [];
  private state: 'open' | 'settled' | 'released' = 'open';
  /** What is charged by units; slots are held apart. */
  private readonly charges: readonly Charge[];

  /** @param charges what was granted; later charges go to the same policies and keys */
  constructor(
    granted: Outcome,
    charges: readonly Charge[],
    private readonly account: LeaseAccount,
    private readonly slots?: HeldSlots | undefined,
  ) {
    this.decision = granted.decision;
    this.held = holdingsOf(granted, charges);
    this.charges = charges.filter((charge) => !isSlot(charge));
  }

  async consume(units: number): Promise<Decision> {
    if (!Number.isSafeInteger(units) || units < 0) throw unitsError(units, 'a whole number of at least 0');
    if (this.isUncounted) return this.decision;
    return (await this.charge(units, false)).decision;
  }

  async adjust(units: number): Promise<void> {
    if (!Number.isSafeInteger(units)) throw unitsError(units, 'a whole number');
    if (units < 0) await this.giveBack(-units);
    else if (units > 0 && !this.isUncounted) await this.charge(units, true);
  }

  settle(): void {
    if (this.state === 'open') this.state = 'settled';
    this.held = [];
    // What cannot be given back is free when its lease is over.
    this.slots?.free().catch(() => undefined);
  }

  async release(): Promise<void> {
    if (this.state === 'open') this.state = 'released';
    await Promise.all([this.giveBack(Number.POSITIVE_INFINITY), this.slots?.free()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.release();
    } catch (error) {
      if (!isUnavailable(error)) throw error;
    }
  }

  /** Whether it holds nothing that is counted in units. */
  private get isUncounted(): boolean {
    return this.decision.kind === 'unenforced' || this.charges.length === 0;
  }

  private async charge(units: number, overdraw: boolean): Promise<Outcome> {
    const charges = withCost(this.charges, units);
    const outcome = await this.account.charge(charges, overdraw);
    if (this.state === 'settled') return outcome;
    this.held = [...this.held, ...holdingsOf(outcome, charges)];
    // The lease was released while this call was on its way: nobody else would give it back.
    if (this.state === 'released') await this.giveBack(Number.POSITIVE_INFINITY);
    return outcome;
  }

  /** Gives back up to so many units of each policy, the latest first: they still count for longest. */
  private async giveBack(units: number): Promise<void> {
    const left = new Map(this.charges.map(({ policy }) => [policy.id, units]));
    const refunds: Holding[] = [];
    const kept: Holding[] = [];
    for (const { receipt, charges } of this.held.toReversed()) {
      const back: Refund[] = [];
      const rest: Refund[] = [];
      for (const charge of charges) {
        const wanted = left.get(charge.policy.id) ?? 0;
        const [given, stays] = divide(charge, Math.min(charge.cost, wanted));
        left.set(charge.policy.id, wanted - given.cost);
        if (given.cost > 0) back.push(given);
        if (stays.cost > 0) rest.push(stays);
      }
      if (back.length > 0) refunds.push({ receipt, charges: back });
      if (rest.length > 0) kept.unshift({ receipt, charges: rest });
    }
    // Before the first wait: a second release in the meantime must find nothing left to give back.
    this.held = kept;
    await Promise.all(refunds.map(({ charges, receipt }) => this.account.refund(charges, receipt)));
  }
}

/** What an outcome charged, if anything. */
function holdingsOf({ decision, atMs }: Outcome, charges: readonly Charge[]): readonly Holding[] {
  if (decision.kind !== 'allowed') return [];
  // A shadow policy that refused was not charged, and must not be given back.
  const charged = charges.flatMap((charge, index) => {
    const status = decision.policies[index];
    return charge.cost > 0 && !isSlot(charge) && status?.allowed === true ? [refundOf(charge, status)] : [];
  });
  const { source, backend } = decision;
  return charged.length > 0 ? [{ receipt: { source, backend, atMs }, charges: charged }] : [];
}

const unitsError = (units: unknown, wanted: string): TypeError =>
  new TypeError(`Units of a lease are ${wanted}; received ${String(units)}.`);
