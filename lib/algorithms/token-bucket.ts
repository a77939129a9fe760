import type { Policy } from '../contracts/policy.js';
import { counted, MAX_PRODUCT, type Algorithm, type CounterState } from './algorithm.js';
import { commonFactor, refillOf } from './quotient.js';

/**
 * A bucket of `burst` tokens that starts full and is refilled continuously at `limit` per window.
 *
 * What it lacks of being full, its debt, is counted in tokens x window (ms), so that a token is `windowMs` of them, one
 * millisecond repays `limit` of them, and every step is a whole number: no rate is ever divided, and nothing drifts. It
 * is the generic cell rate algorithm (ITU-T I.371) read from the other side: its theoretical arrival time is
 * `at + debt / limit`. Of ten million a month, both the window and the limit are divided by what they have in common, so
 * that the numbers stay small enough to be exact (`refillOf`).
 */
export const tokenBucket: Algorithm = {
  advance,

  isDisplaced,

  admits: (stored, policy, cost, nowMs) => fits(debtOf(stored, policy, nowMs), policy, cost),

  decide(stored, policy, cost, forced, nowMs) {
    const { limit, windowMs, burst } = policy;
    const { token, perMs } = refillOf(limit, windowMs);
    const before = debtOf(stored, policy, nowMs);
    const admitted = forced || before <= (burst - cost) * token;
    const debt = admitted ? Math.min(before + cost * token, MAX_PRODUCT) : before;
    const lacking = Math.ceil(debt / token);
    const stays = !admitted && stored !== undefined && !isDisplaced(stored, policy, nowMs);
    return {
      admitted,
      state: stays ? stored : owing(debt, policy, nowMs),
      remaining: burst - lacking,
      resetAfterMs: Math.ceil(debt / perMs),
      retryAfterMs: admitted ? 0 : Math.ceil((debt - (burst - cost) * token) / perMs),
      nextUnitAfterMs: debt === 0 ? 0 : Math.ceil((debt - ((lacking < burst ? lacking : burst) - 1) * token) / perMs),
    };
  },

  refund(state, policy, cost, nowMs, chargedAtMs = nowMs, owed = Number.POSITIVE_INFINITY) {
    const { limit, windowMs } = policy;
    const { token, perMs } = refillOf(limit, windowMs);
    // What was owed first is repaid first: what is left of the debt of then is what of the charge still counts.
    const owedThen = Math.floor(owed / commonFactor(limit, windowMs));
    const left = Math.max(0, owedThen - Math.max(0, nowMs - chargedAtMs) * perMs);
    return owing(Math.max(0, state.used - Math.min(cost * token, left)), policy, nowMs);
  },
};

function advance(stored: CounterState | undefined, policy: Policy, nowMs: number): CounterState {
  return owing(debtOf(stored, policy, nowMs), policy, nowMs);
}

function isDisplaced(stored: CounterState, { limit, windowMs }: Policy, nowMs: number): boolean {
  return stored.at > nowMs || stored.rest !== limit || stored.windowMs !== windowMs;
}

/** What is still owed of what a state owed. */
function debtOf(stored: CounterState | undefined, { limit, windowMs }: Policy, nowMs: number): number {
  if (stored === undefined) return 0;
  // A change of the rate holds from when it is first seen.
  const { windowMs: storedMs, at, used: debt, rest: rate } = stored;
  const then = refillOf(rate, storedMs);
  // A clock that stepped back repays nothing, and repayment goes on from where it stands now. A product too large to be
  // exact is larger than any debt.
  const left = Math.max(0, debt - Math.max(0, nowMs - at) * then.perMs);
  if (rate === limit && storedMs === windowMs) return left;
  const { token } = refillOf(limit, windowMs);
  return then.token === token ? left : carried(left, then.token, token);
}

const fits = (debt: number, { limit, windowMs, burst }: Policy, cost: number): boolean =>
  debt <= (burst - cost) * refillOf(limit, windowMs).token;

const owing = (debt: number, { limit, windowMs }: Policy, nowMs: number): CounterState =>
  counted(windowMs, nowMs, debt, limit);

/**
 * The same tokens of debt, each worth another number; rounded up, so that a change of the policy gives none away. Whole
 * tokens and the part of one are taken apart, so that even between windows of a year it errs by less than a part in
 * `windowMs` of a token.
 */
const carried = (debt: number, from: number, to: number): number =>
  Math.min(Math.floor(debt / from) * to + Math.ceil(((debt % from) * to) / from), MAX_PRODUCT);
