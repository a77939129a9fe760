import { violated } from '../../limiter/decisions.js';
import type { Decision, LimitedDecision, PolicyStatus } from '../../contracts/decision.js';
import { CONCURRENT_REQUESTS } from '../../contracts/policy.js';
import type { HeaderStyle } from '../../rate-limit.options.js';

/** Name and value of a response header. */
export type Header = readonly [name: string, value: string];

/** Whole seconds, rounded up: a client that waits them has waited long enough. */
const inSeconds = (milliseconds: number): number => Math.ceil(milliseconds / 1_000);

/** `Retry-After` (RFC 9110, 10.2.3) in seconds, at least 1. */
export const retryAfterHeader = (retryAfterMs: number): Header => [
  'Retry-After',
  String(Math.max(1, inSeconds(retryAfterMs))),
];

/** The headers for a decision. They do not contain shadow policies, and an uncounted call has none. */
export function rateLimitHeaders(decision: Decision, style: HeaderStyle): readonly Header[] {
  const shown = decision.policies.filter(({ mode }) => mode === 'enforce');
  const retry = decision.kind === 'limited' ? [retryAfterHeader(waitOf(decision))] : [];
  if (shown.length === 0 || style === false) return retry;
  return [
    ...(style === 'legacy' ? [] : standardHeaders(shown)),
    ...(style === 'standard' ? [] : legacyHeaders(shown)),
    ...retry,
  ];
}

/** Largest integer of Structured Fields (RFC 9651, 3.3.1): 15 digits. */
const LARGEST_INTEGER = 999_999_999_999_999;

const integer = (value: number): number => Math.min(value, LARGEST_INTEGER);

/** The revision of draft-ietf-httpapi-ratelimit-headers that `standard` headers and problem details follow. */
export const DRAFT_REVISION = 11;

/** Lists of Structured Fields (RFC 9651) by the draft, one member for each policy. */
const standardHeaders = (policies: readonly PolicyStatus[]): readonly Header[] => [
  ['RateLimit-Policy', policies.map(policyMember).join(', ')],
  ['RateLimit', policies.map(limitMember).join(', ')],
];

function policyMember({ name, limit, windowMs, unit }: PolicyStatus): string {
  const quota = `"${name}";q=${integer(limit)}`;
  const counted = unit === undefined ? quota : `${quota};qu="${unit}"`;
  return unit === CONCURRENT_REQUESTS ? counted : `${counted};w=${inSeconds(windowMs)}`;
}

const limitMember = (status: PolicyStatus): string =>
  `"${status.name}";r=${integer(status.remaining)};t=${inSeconds(effectiveWindowMs(status))}`;

/**
 * The time for which `r` is what there is (`t`, the effective window of the draft).
 *
 * With nothing left, the wait for the next unit. With something left, the wait for one unit more, and no less than the
 * policy takes to grant `r` units: a client that spends `r` within `t` does not outrun the policy. With the full quota,
 * the window.
 */
function effectiveWindowMs(status: PolicyStatus): number {
  const { remaining, limit, windowMs } = status;
  const nextMs = nextUnitAfterMs(status);
  if (nextMs === 0) return windowMs;
  return remaining === 0 ? nextMs : Math.max(nextMs, Math.ceil((remaining * windowMs) / limit));
}

/** A refused call that may pass earlier, at another backend, is no reason to wait longer than it. */
function nextUnitAfterMs({
  resetAfterMs,
  nextUnitAfterMs = resetAfterMs,
  retryAfterMs,
  allowed,
}: PolicyStatus): number {
  return allowed || retryAfterMs === null ? nextUnitAfterMs : Math.min(nextUnitAfterMs, retryAfterMs);
}

/** The customary headers, which have room for one policy: the one that is nearest to refusing. */
function legacyHeaders(policies: readonly PolicyStatus[]): readonly Header[] {
  const [first, ...others] = violated(policies).length > 0 ? violated(policies) : policies;
  if (first === undefined) return [];
  const { limit, remaining, resetAfterMs } = others.reduce(
    (one, other) => (isTighter(other, one) ? other : one),
    first,
  );
  return [
    ['X-RateLimit-Limit', String(limit)],
    ['X-RateLimit-Remaining', String(remaining)],
    ['X-RateLimit-Reset', String(inSeconds(resetAfterMs))],
  ];
}

const isTighter = (one: PolicyStatus, other: PolicyStatus): boolean =>
  one.remaining === other.remaining ? one.resetAfterMs > other.resetAfterMs : one.remaining < other.remaining;

/**
 * The wait until the call may pass. If it can never pass, the longest window of the policies that refuse, or the wait for
 * the next unit where that is longer: `Retry-After` is not earlier than `t`. Where no policy refuses, the deny list does.
 */
const waitOf = ({ policies, longestWindowMs = 0, retryAfterMs }: LimitedDecision): number =>
  retryAfterMs ??
  Math.max(
    longestWindowMs,
    ...violated(policies).map(
      ({ retryAfterMs, windowMs, remaining, nextUnitAfterMs = 0 }) =>
        retryAfterMs ?? (remaining === 0 ? Math.max(windowMs, nextUnitAfterMs) : windowMs),
    ),
  );
