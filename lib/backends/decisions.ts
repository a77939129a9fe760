import type { Reply } from '../contracts/backend.js';
import type { Decision, DecisionSource, PolicyStatus, UnenforcedDecision } from '../contracts/decision.js';

/** What a backend's reply means. */
export function decisionOf(reply: Reply, backend: string, source: DecisionSource): Decision {
  const { policies } = reply;
  const origin = { source: reply.source ?? source, backend: reply.backend ?? backend, policies };
  return reply.allowed
    ? { kind: 'allowed', allowed: true, ...origin }
    : { kind: 'limited', allowed: false, ...origin, retryAfterMs: longestWait(policies) };
}

/** The call passes because of the failure mode `open`. */
export const failedOpen = (cause: Error): UnenforcedDecision => ({ ...UNKNOWN, reason: 'failed-open', cause });

/** The call passes because no limit applies to it. */
export const notCounted = (reason: 'skipped' | 'disabled'): UnenforcedDecision => ({ ...UNKNOWN, reason });

const UNKNOWN = { kind: 'unenforced', allowed: true, source: 'none', backend: null, policies: [] } as const;

/** Whether a policy refuses a call; a shadow policy refuses none. */
export const refuses = (status: PolicyStatus | undefined): boolean =>
  status?.allowed === false && status.mode === 'enforce';

/** The policies that refuse a call. */
export const violated = (policies: readonly PolicyStatus[]): readonly PolicyStatus[] => policies.filter(refuses);

/** All policies that refuse must pass, so the longest wait counts; `null` if one of them never passes. */
function longestWait(policies: readonly PolicyStatus[]): number | null {
  let longest = 0;
  for (const { retryAfterMs } of violated(policies)) {
    if (retryAfterMs === null) return null;
    longest = Math.max(longest, retryAfterMs);
  }
  return longest;
}
