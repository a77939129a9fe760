import { Inject, Injectable, Logger } from '@nestjs/common';
import { isUnavailable } from '../contracts/errors.js';
import type { CallOutcome, ChargeOn } from '../contracts/policy.js';
import { Decider, type Outcome } from './decider.js';
import type { PolicyDecisionRequest } from './decision-request.js';
import { BackendLease, type LeaseAccount } from './lease.js';
import { unitsDue } from './outcome-judge.js';

/** The units of one policy that are reserved until the outcome is known. */
interface Reservation {
  readonly policy: string;
  readonly chargeOn: ChargeOn;
  readonly cost: number;
  readonly lease: BackendLease;
}

/** The reserved units of a call. */
export interface ReservedCharges {
  /** Evaluates the outcome, once, and gives back or charges the difference. Never throws. */
  settle(outcome: CallOutcome): void;
}

/** Corrects the charges of calls whose policies have `chargeOn`. */
@Injectable()
export class OutcomeCharges {
  private readonly logger = new Logger('RateLimit');
  /** Policies whose `chargeOn` function has failed. */
  private readonly told = new Set<string>();

  constructor(@Inject(Decider) private readonly decider: Decider) {}

  /** The reserved units of a decision; `undefined` if none depends on the outcome. */
  of(request: PolicyDecisionRequest, outcome: Outcome): ReservedCharges | undefined {
    if (outcome.decision.kind !== 'allowed') return undefined;
    // Every guarded call passes here, and few depend on their outcome.
    if (request.policies.every(({ chargeOn }) => chargeOn === undefined)) return undefined;
    const reserved = this.reservedBy(request, outcome);
    if (reserved.length === 0) return undefined;
    return {
      settle: (seen) => {
        for (const one of reserved) this.settle(one, seen);
      },
    };
  }

  private reservedBy(request: PolicyDecisionRequest, { decision, atMs }: Outcome): readonly Reservation[] {
    const account: LeaseAccount = {
      charge: async (charges, overdraw) => this.decider.ask({ ...request, charges, overdraw }),
      refund: (charges, receipt) => this.decider.refund({ ...request, charges }, receipt),
    };
    return request.charges.flatMap((charge, index): Reservation[] => {
      const chargeOn = request.policies.find(({ policy }) => policy === charge.policy)?.chargeOn;
      const status = decision.policies[index];
      // A refusing shadow policy was not charged.
      if (chargeOn === undefined || status?.allowed !== true) return [];
      const lease = new BackendLease({ decision: { ...decision, policies: [status] }, atMs }, [charge], account);
      return [{ policy: charge.policy.name, chargeOn, cost: charge.cost, lease }];
    });
  }

  private settle({ policy, chargeOn, cost, lease }: Reservation, outcome: CallOutcome): void {
    try {
      lease.adjust(unitsDue(chargeOn, outcome, cost) - cost).catch((error: unknown) => {
        // The affected calls report an outage. The reserved units expire with their window.
        if (!isUnavailable(error)) this.tell(policy, 'The charge could not be corrected', error);
      });
    } catch (error) {
      this.tell(policy, 'chargeOn failed, and its calls stay charged', error);
    }
  }

  private tell(policy: string, what: string, error: unknown): void {
    if (this.told.has(policy)) return;
    this.told.add(policy);
    this.logger.error(`Policy '${policy}': ${what}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
