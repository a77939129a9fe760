import type { Reply } from '../contracts/backend.js';
import type {
  Decision,
  DecisionSource,
  LimitedDecision,
  PolicyStatus,
  UnenforcedDecision,
} from '../contracts/decision.js';

/** The decision of a backend's reply. */
export function decisionOf(reply: Reply, backend: string, source: DecisionSource): Decision {
  const { policies } = reply;
  const origin = reply.source ?? source;
  const decidedBy = reply.backend ?? backend;
  return reply.allowed
    ? { kind: 'allowed', allowed: true, source: origin, backend: decidedBy, policies }
    : {
        kind: 'limited',
        allowed: false,
        source: origin,
        backend: decidedBy,
        policies,
        retryAfterMs: longestWait(policies),
      };
}

/** The call passes because of the failure mode `open`. */
export const failedOpen = (cause: Error): UnenforcedDecision => ({ ...UNKNOWN, reason: 'failed-open', cause });

/** The call passes because no limit applies to it. */
export const notCounted = (reason: 'skipped' | 'disabled'): UnenforcedDecision => NOT_COUNTED[reason];

/** The call passes because its key is on the allow list. */
export const allowListed = (): UnenforcedDecision => NOT_COUNTED.allowListed;

/** The call is refused because its key is on the deny list. */
export const denyListed = (longestWindowMs: number): LimitedDecision => ({
  kind: 'limited',
  allowed: false,
  source: 'none',
  backend: null,
  policies: [],
  retryAfterMs: null,
  reason: 'deny-listed',
  longestWindowMs,
});

const UNKNOWN = { kind: 'unenforced', allowed: true, source: 'none', backend: null, policies: [] } as const;

/** Created once, because most routes have no limit and every call of them gets it. */
const NOT_COUNTED = {
  skipped: Object.freeze({ ...UNKNOWN, reason: 'skipped' }),
  disabled: Object.freeze({ ...UNKNOWN, reason: 'disabled' }),
  allowListed: Object.freeze({ ...UNKNOWN, reason: 'allow-listed' }),
} as const;

/** Whether a policy refuses a call; a shadow policy refuses none. */
export const refuses = (status: PolicyStatus | undefined): boolean =>
  status?.allowed === false && status.mode === 'enforce';

/** The policies that refuse a call. */
export const violated = (policies: readonly PolicyStatus[]): readonly PolicyStatus[] => policies.filter(refuses);

/** The longest wait counts, because all refusing policies must admit the call; `null` if one never does. */
function longestWait(policies: readonly PolicyStatus[]): number | null {
  let longest = 0;
  for (const status of policies) {
    if (!refuses(status)) continue;
    const { retryAfterMs } = status;
    if (retryAfterMs === null) return null;
    if (retryAfterMs > longest) longest = retryAfterMs;
  }
  return longest;
}
