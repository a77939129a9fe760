import { violated } from '../../limiter/decisions.js';
import type { Decision, PolicyStatus } from '../../contracts/decision.js';
import type { HeaderStyle } from '../../rate-limit.options.js';

/** Name and value of a response header. */
export type Header = readonly [name: string, value: string];

/** Whole seconds, rounded up: a client that waits them has waited long enough. */
export const inSeconds = (milliseconds: number): number => Math.ceil(milliseconds / 1_000);

/** `Retry-After` (RFC 9110, 10.2.3) in seconds, at least 1. */
export const retryAfterHeader = (retryAfterMs: number): Header => [
  'Retry-After',
  String(Math.max(1, inSeconds(retryAfterMs))),
];

/** The headers that tell of a decision. Shadow policies are not shown, and a call that is not counted has none. */
export function rateLimitHeaders(decision: Decision, style: HeaderStyle): readonly Header[] {
  const shown = decision.policies.filter(({ mode }) => mode === 'enforce');
  const retry = decision.kind === 'limited' ? [retryAfterHeader(longestWait(shown))] : [];
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

/** Lists of Structured Fields (RFC 9651) as in draft-ietf-httpapi-ratelimit-headers-10: one member for each policy. */
const standardHeaders = (policies: readonly PolicyStatus[]): readonly Header[] => [
  [
    'RateLimit-Policy',
    policies.map(({ name, limit, windowMs }) => `"${name}";q=${integer(limit)};w=${inSeconds(windowMs)}`).join(', '),
  ],
  [
    'RateLimit',
    policies
      .map(({ name, remaining, resetAfterMs }) => `"${name}";r=${integer(remaining)};t=${inSeconds(resetAfterMs)}`)
      .join(', '),
  ],
];

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

/** The longest wait of the policies that refuse; for one that never lets the call pass, its window. */
const longestWait = (policies: readonly PolicyStatus[]): number =>
  Math.max(...violated(policies).map(({ retryAfterMs, windowMs }) => retryAfterMs ?? windowMs));
