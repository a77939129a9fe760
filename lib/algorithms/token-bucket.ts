import { MAX_PRODUCT, type Algorithm } from './algorithm.js';

/**
 * What a bucket lacks of being full, as of a time.
 *
 * The debt is counted in tokens x window (ms), so that a token is `windowMs` of them, one millisecond repays `limit`
 * of them, and every step is a whole number: no rate is ever divided, and nothing drifts.
 */
export interface TokenBucketState {
  /** The rate at which it is repaid: units for each window. A change of the policy's holds from when it is first seen. */
  readonly limit: number;
  readonly windowMs: number;
  readonly atMs: number;
  readonly debt: number;
}

/**
 * A bucket of `burst` tokens that starts full and is refilled continuously at `limit` per window.
 *
 * It is the generic cell rate algorithm (ITU-T I.371) read from the other side: its theoretical arrival time is
 * `atMs + debt / limit`.
 */
export const tokenBucket: Algorithm<TokenBucketState> = {
  advance(state, { windowMs, limit }, nowMs) {
    if (state === undefined) return { limit, windowMs, atMs: nowMs, debt: 0 };
    if (state.atMs === nowMs && state.limit === limit && state.windowMs === windowMs) return state;
    // A clock that stepped back repays nothing, and repayment goes on from where it stands now.
    const elapsedMs = Math.max(0, nowMs - state.atMs);
    const debt = elapsedMs >= state.debt / state.limit ? 0 : state.debt - elapsedMs * state.limit;
    return { limit, windowMs, atMs: nowMs, debt: state.windowMs === windowMs ? debt : carried(debt, state, windowMs) };
  },

  isDisplaced: (state, { limit, windowMs }, nowMs) =>
    state.atMs > nowMs || state.limit !== limit || state.windowMs !== windowMs,

  admits: (state, { burst, windowMs }, cost) => cost <= burst && state.debt <= (burst - cost) * windowMs,

  retryAfterMs: (state, { burst, limit, windowMs }, cost) =>
    Math.ceil((state.debt - (burst - cost) * windowMs) / limit),

  charge: (state, { windowMs }, cost) => owing(state, Math.min(state.debt + cost * windowMs, MAX_PRODUCT)),

  refund(state, { limit, windowMs }, cost, nowMs, chargedAtMs = nowMs, owed = Number.POSITIVE_INFINITY) {
    // What was owed first is repaid first: what is left of the debt of then is what of the charge still counts.
    const left = Math.max(0, owed - Math.max(0, nowMs - chargedAtMs) * limit);
    return owing(state, Math.max(0, state.debt - Math.min(cost * windowMs, left)));
  },

  remaining: (state, { burst, windowMs }) => Math.floor((burst * windowMs - state.debt) / windowMs),

  resetAfterMs: (state, { limit }) => Math.ceil(state.debt / limit),
};

const owing = ({ limit, windowMs, atMs }: TokenBucketState, debt: number): TokenBucketState => ({
  limit,
  windowMs,
  atMs,
  debt,
});

/**
 * The same tokens of debt, counted for another window; rounded up, so that a change of the policy gives none away. Whole
 * tokens and the part of one are taken apart, so that the product stays exact.
 */
const carried = (debt: number, { windowMs: from }: TokenBucketState, to: number): number =>
  Math.min(Math.floor(debt / from) * to + Math.ceil(((debt % from) * to) / from), MAX_PRODUCT);
