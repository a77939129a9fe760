import { admits, decide, refund, renew } from '../../algorithms/counter.js';
import type { BackendRequest, ConsumeRequest, RefundRequest, RenewRequest, Reply } from '../../contracts/backend.js';
import type { ItemDraft } from './item-draft.js';

/** One call as a pure step: it reads and changes a draft. It may run again on another draft when the store has moved. */
export type Operation = (draft: ItemDraft, nowMs: number) => Reply;

/** Charges every policy if all enforced ones allow it, else none. */
export const consuming =
  ({ charges, overdraw = false }: ConsumeRequest): Operation =>
  (draft, nowMs) => {
    const admitted = charges.map(({ key, policy, cost, slot }) =>
      admits(draft.find(key, policy), policy, cost, overdraw, nowMs, slot),
    );
    const allowed = charges.every(({ policy }, index) => policy.mode === 'shadow' || admitted[index]);
    const policies = charges.map(({ key, policy, cost, slot }, index) => {
      // If another policy refuses the call, a policy that admits it only reports.
      const due = allowed || !admitted[index] ? cost : 0;
      const { state, status } = decide(draft.find(key, policy), policy, due, overdraw, nowMs, slot);
      draft.store(key, policy, state);
      return status;
    });
    return { allowed, nowMs, policies };
  };

/** Reports without changing anything. */
export const peeking =
  ({ charges }: BackendRequest): Operation =>
  (draft, nowMs) => {
    const policies = charges.map(({ key, policy }) => decide(draft.find(key, policy), policy, 0, false, nowMs).status);
    return { allowed: true, nowMs, policies };
  };

/** Gives units back to counters that exist. */
export const refunding =
  ({ charges, chargedAtMs }: RefundRequest): Operation =>
  (draft, nowMs) => {
    for (const { key, policy, cost, owed, slot } of charges) {
      const stored = draft.find(key, policy);
      if (stored !== undefined) {
        draft.store(key, policy, refund(stored, policy, cost, nowMs, chargedAtMs, owed, slot));
      }
    }
    return done(nowMs);
  };

/** Starts the leases of held slots again. */
export const renewing =
  ({ charges }: RenewRequest): Operation =>
  (draft, nowMs) => {
    for (const { key, policy, slot } of charges) {
      const stored = draft.find(key, policy);
      if (stored !== undefined) draft.store(key, policy, renew(stored, policy, slot, nowMs));
    }
    return done(nowMs);
  };

/** Forgets counters. */
export const resetting =
  ({ charges }: BackendRequest): Operation =>
  (draft, nowMs) => {
    for (const { key, policy } of charges) draft.store(key, policy, undefined);
    return done(nowMs);
  };

const done = (nowMs: number): Reply => ({ allowed: true, nowMs, policies: [] });
