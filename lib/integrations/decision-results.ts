import type { Decision, PolicyStatus } from '../contracts/decision.js';
import { refuses } from '../limiter/decisions.js';

/** What became of a call under one policy, or of a call that nobody counted. */
export type RequestResult =
  'allowed' | 'limited' | 'shadow_limited' | 'failed_open' | 'skipped' | 'disabled' | 'allow_listed' | 'deny_listed';

/** Name of the policy where nobody counted. */
export const NO_POLICY = '';

/**
 * The results of a decision, one for each policy that has something to say: of a refused call those that refuse it, and
 * shadow policies that would have. A call that nobody counted has one result, under an empty name.
 */
export function eachResult(decision: Decision, tell: (policy: string, result: RequestResult) => void): void {
  if (decision.kind === 'unenforced') return tell(NO_POLICY, uncounted(decision.reason));
  if (decision.policies.length === 0) return tell(NO_POLICY, decision.allowed ? 'allowed' : 'deny_listed');
  for (const status of decision.policies) {
    if (refuses(status)) tell(status.name, 'limited');
    else if (!status.allowed) tell(status.name, 'shadow_limited');
    else if (decision.allowed) tell(status.name, 'allowed');
  }
}

/** Whether an allowed call left less than a fifth of a policy's limit. */
export const isNearLimit = ({ allowed, remaining, limit }: PolicyStatus): boolean => allowed && remaining * 5 < limit;

/** The words of the API with underscores, as Prometheus writes its labels. */
const uncounted = (reason: string): RequestResult => reason.replaceAll('-', '_') as RequestResult;
