import { randomBytes } from 'node:crypto';
import type { Charge } from '../contracts/backend.js';
import { afterUnref } from '../contracts/process-time.js';
import { MAX_TIMER_MS } from '../policies/duration.js';
import type { Decider, Outcome, Receipt } from './decider.js';
import type { DecisionRequest } from './decision-request.js';

/** Number of renewals during a lease: one renewal may fail. */
const RENEWALS = 3;

/** Starts at a random number in each process, then counts up, so that no two calls have the same. */
let nextSlot = randomBytes(6).readUIntBE(0, 6);

/** Whether a charge takes a slot. */
export const isSlot = ({ policy }: Charge): boolean => policy.algorithm === 'concurrency';

/** The same request, in which each charge of a concurrency policy names a slot. */
export function withSlots<R extends DecisionRequest>(request: R): R {
  const charges = request.charges.map((charge) =>
    isSlot(charge) && charge.cost > 0 ? { ...charge, cost: 1, slot: nextSlot++ } : charge,
  );
  return { ...request, charges };
}

/** The slots of a call: renewed while it runs, and given back once. */
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

  /** The slots of a decision; `undefined` if there are none. */
  static of(
    request: DecisionRequest,
    { decision, atMs }: Outcome,
    decider: Decider,
    onFree: (charges: readonly Charge[]) => void,
  ): HeldSlots | undefined {
    if (decision.kind !== 'allowed') return undefined;
    // A refusing shadow policy gives no slot.
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
   * Gives the slots back, once, also if called several times.
   *
   * @throws the error of the backend; the slots are then free when their leases end
   */
  free(): Promise<void> {
    this.cancelRenewal?.();
    this.freeing ??= this.decider.refund(this.request, this.receipt).finally(() => this.onFree(this.request.charges));
    return this.freeing;
  }

  /** Stops the renewal, for a call whose end is not reported. The slots are free when their leases end. */
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
    // After a failed renewal, the next one is enough if the lease lasts until then.
    await this.decider.renew(this.request, this.receipt).catch(() => undefined);
    if (this.freeing === undefined && !this.lapsing) this.renewLater();
  }
}
