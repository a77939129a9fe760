import { violated } from '../../limiter/decisions.js';
import type { RateLimitExceededException } from '../../contracts/rate-limit-exceeded.exception.js';

/** Media type of RFC 9457. */
export const PROBLEM_JSON = 'application/problem+json';

/** Problem details of RFC 9457. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  readonly 'violated-policies'?: readonly string[];
}

const TYPES = 'https://iana.org/assignments/http-problem-types';

const QUOTA_EXCEEDED = {
  type: `${TYPES}#quota-exceeded`,
  title: 'Request cannot be satisfied as assigned quota has been exceeded',
} as const;

const ABNORMAL_USAGE = {
  type: `${TYPES}#abnormal-usage-detected`,
  title: 'Request not satisfied due to detection of abnormal request pattern',
} as const;

/**
 * The 429 of draft-ietf-httpapi-ratelimit-headers with the exceeded quotas. If a `blockFor` refuses the key, the type
 * is abnormal usage.
 */
export const tooManyRequests = ({ decision, message, blocked }: RateLimitExceededException): Problem => ({
  ...(blocked ? ABNORMAL_USAGE : QUOTA_EXCEEDED),
  status: 429,
  detail: message,
  'violated-policies': violated(decision.policies).map(({ name }) => name),
});

/** The 503 of the same draft: no limit could be decided. */
export const temporaryReducedCapacity = (): Problem => ({
  type: `${TYPES}#temporary-reduced-capacity`,
  title: 'Request cannot be satisfied due to temporary server capacity constraints',
  status: 503,
});
