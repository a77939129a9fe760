import { randomBytes } from 'node:crypto';
import type { Charge } from '../contracts/backend.js';
import { afterUnref } from '../contracts/process-time.js';
import { MAX_TIMER_MS } from '../policies/duration.js';
import type { Decider, Outcome, Receipt } from './decider.js';
import type { DecisionRequest } from './decision-request.js';

/** A slot is renewed so often while its lease lasts: one renewal may fail. */
const RENEWALS = 3;

/** Far apart for each process, and then one by one: no two calls have the same. */
let nextSlot = randomBytes(6).readUIntBE(0, 6);

/** Whether a charge is one of a slot. */
export const isSlot = ({ policy }: Charge): boolean => policy.algorithm === 'concurrency';

/** The same request, in which each charge of a concurrency policy names a slot. */
export function withSlots<R extends DecisionRequest>(request: R): R {
  const charges = request.charges.map((charge) =>
    isSlot(charge) && charge.cost > 0 ? { ...charge, cost: 1, slot: nextSlot++ } : charge,
  );
  return { ...request, charges };
}

/** The slots that a call holds: renewed while it lives, and given back once. */
export class HeldSlots {
  private cancelRenewal: (() => void) | undefined;
  private freeing: Promise<void> | undefined;
  private lapsing = false;

  /**
   * @param request the slots to give back
   * @param onFree called when they are free
   */
  private constructor(
    private readonly request: DecisionRequest,
    private readonly receipt: Receipt,
    private readonly decider: Decider,
    private readonly onFree: (charges: readonly Charge[]) => void,
  ) {
    this.renewLater();
  }

  /** The slots that a decision gave; `undefined` if it gave none. */
  static of(
    request: DecisionRequest,
    { decision, atMs }: Outcome,
    decider: Decider,
    onFree: (charges: readonly Charge[]) => void,
  ): HeldSlots | undefined {
    if (decision.kind !== 'allowed') return undefined;
    // A shadow policy that refused gave none.
    const given = request.charges.filter(
      (charge, index) => charge.slot !== undefined && decision.policies[index]?.allowed === true,
    );
    if (given.length === 0) return undefined;
    const { source, backend } = decision;
    return new HeldSlots({ ...request, charges: given }, { source, backend, atMs }, decider, onFree);
  }

  /** The slots, each with its policy. */
  get charges(): readonly Charge[] {
    return this.request.charges;
  }

  /**
   * Gives them back: once, however often it is called.
   *
   * @throws what the backend throws; the slots are then free when their leases are over
   */
  free(): Promise<void> {
    this.cancelRenewal?.();
    this.freeing ??= this.decider.refund(this.request, this.receipt).finally(() => this.onFree(this.request.charges));
    return this.freeing;
  }

  /** Renews them no more: for a call whose end nobody sees. They are free when their leases are over. */
  lapse(): void {
    this.cancelRenewal?.();
    this.lapsing = true;
  }

  /** Renews the slots again after `lapse`, because the end of the call is reported after all. */
  keep(): void {
    this.lapsing = false;
    if (this.freeing === undefined) this.renewLater();
  }

  private renewLater(): void {
    const leaseMs = Math.min(...this.request.charges.map(({ policy }) => policy.windowMs));
    const periodMs = Math.min(Math.max(1, Math.floor(leaseMs / RENEWALS)), MAX_TIMER_MS);
    this.cancelRenewal?.();
    this.cancelRenewal = afterUnref(periodMs, () => void this.renew());
  }

  private async renew(): Promise<void> {
    // A renewal that fails is made good by the next one, if the lease lasts until then.
    await this.decider.renew(this.request, this.receipt).catch(() => undefined);
    if (this.freeing === undefined && !this.lapsing) this.renewLater();
  }
}
