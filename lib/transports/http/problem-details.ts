import { violated } from '../../limiter/decisions.js';
import type { Decision } from '../../contracts/decision.js';

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

/** The 429 of draft-ietf-httpapi-ratelimit-headers: which quotas are used up. */
export const quotaExceeded = ({ policies }: Decision, detail: string): Problem => ({
  type: `${TYPES}#quota-exceeded`,
  title: 'Request cannot be satisfied as assigned quota has been exceeded',
  status: 429,
  detail,
  'violated-policies': violated(policies).map(({ name }) => name),
});

/** The 503 of the same draft: no limit could be decided. */
export const temporaryReducedCapacity = (): Problem => ({
  type: `${TYPES}#temporary-reduced-capacity`,
  title: 'Request cannot be satisfied due to temporary server capacity constraints',
  status: 503,
});
