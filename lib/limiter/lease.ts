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
 * If the call passed uncounted (failure mode `open`, or a disabled limiter), `decision` says so, and the methods do
 * nothing.
 *
 * A lease of a concurrency policy holds a slot. The slot is renewed until the lease is settled or released; both free
 * it.
 */
export interface Lease extends AsyncDisposable {
  /** The decision that granted the lease. */
  readonly decision: Decision;
  /** Charges more units by each policy. A refusal is a value and charges nothing. */
  consume(units: number): Promise<Decision>;
  /**
   * Corrects the charge by a difference: up, with debt if the quota is not enough; or down, at most to nothing. Never
   * throws because of the quota.
   */
  adjust(units: number): Promise<void>;
  /** Keeps the charge, and every later charge: nothing can be given back after it. */
  settle(): void;
  /**
   * Gives back all units, including those of charges that are running or come later. Does nothing after `settle` or
   * `release`. A failed release is final, because the backend may have run it: units that were not given back expire
   * with their window.
   */
  release(): Promise<void>;
  /**
   * Releases the lease, unless it was settled. It does not throw if the backend is not available, because that would
   * hide an error of the block: units that were not given back expire with their window.
   */
  [Symbol.asyncDispose](): Promise<void>;
}

/** The account of a lease. */
export interface LeaseAccount {
  charge(charges: readonly Charge[], overdraw: boolean): Promise<Outcome>;
  refund(charges: readonly Refund[], receipt: Receipt): Promise<void>;
}

/** Charges of one time and backend that were not given back. */
interface Holding {
  readonly receipt: Receipt;
  readonly charges: readonly Refund[];
}

/** The lease behind `BackendService#acquire`. */
export class BackendLease implements Lease {
  readonly decision: Decision;
  private held: readonly Holding[];
  private state: 'open' | 'settled' | 'released' = 'open';
  /** Charges that are counted in units; slots are separate. */
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

  /** Whether it has no charge that is counted in units. */
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

  /**
   * Gives back up to this number of units of each policy. The latest charges come first, because they count longest.
   */
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

/** The charges of an outcome, if any. */
function holdingsOf({ decision, atMs }: Outcome, charges: readonly Charge[]): readonly Holding[] {
  if (decision.kind !== 'allowed') return [];
  // A shadow policy that refused was not charged, and must not be given back.
  const charged = charges.flatMap((charge, index) => {
    const status = decision.policies[index];
    return status?.allowed === true ? [refundOf(charge, status)] : [];
  });
  const { source, backend } = decision;
  return [{ receipt: { source, backend, atMs }, charges: charged }];
}

const unitsError = (units: unknown, wanted: string): TypeError =>
  new TypeError(`Units of a lease are ${wanted}; received ${String(units)}.`);
