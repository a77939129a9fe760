import assert from 'node:assert/strict';
import { statusOf } from '../breaker/error.status.js';
import type { Decision } from '../contracts/decision.js';

/** Options of `expectLimited()`. */
export interface LimitedExpectation {
  /** Number of calls that pass before one is limited. Default 0: the first call is limited. */
  readonly after?: number;
}

/** The result of a call in `expectLimited()`: an HTTP response of any client, or a decision. */
export type LimitedOutcome = Decision | { readonly status: number } | { readonly statusCode: number };

/**
 * Makes calls in sequence, and expects that `after` of them pass and the next one is limited.
 *
 * A call is limited if it returns a response with status 429 or a decision of kind `limited`, or if it throws an error
 * with status 429, such as `RateLimitExceededException`. A response with headers must have a `Retry-After`. With any
 * other status below 500 the call has passed: a limited login may answer 401.
 *
 * @param call makes one call; it gets the number of the call, from 1
 * @returns the result or error of the limited call
 * @throws AssertionError that names the unexpected call
 * @example
 * await expectLimited(() => fetch(url), { after: 3 });
 */
export async function expectLimited<T extends LimitedOutcome>(
  call: (number: number) => T | Promise<T>,
  { after = 0 }: LimitedExpectation = {},
): Promise<T | Error> {
  for (let number = 1; number <= after; number += 1) {
    const outcome = await outcomeOf(call, number);
    assert.equal(effectOf(outcome), 'passed', `Call ${number} of ${after} did not pass: ${described(outcome)}.`);
  }
  const last = await outcomeOf(call, after + 1);
  assert.equal(effectOf(last), 'limited', `Call ${after + 1} was not limited: ${described(last)}.`);
  assert.ok(hasRetryAfter(last), `Call ${after + 1} was limited without a Retry-After.`);
  return last;
}

/** @throws what the call throws, where that has no status */
async function outcomeOf<T extends object>(
  call: (number: number) => T | Promise<T>,
  number: number,
): Promise<T | Error> {
  try {
    return await call(number);
  } catch (error) {
    if (statusOf(error) === undefined) throw error;
    return error as Error;
  }
}

const isDecision = (outcome: object): outcome is Decision => 'kind' in outcome && 'policies' in outcome;

function effectOf(outcome: object): 'passed' | 'limited' | 'failed' {
  if (isDecision(outcome)) return outcome.kind === 'limited' ? 'limited' : 'passed';
  const status = statusOf(outcome) ?? 500;
  if (status === 429) return 'limited';
  return status < 500 ? 'passed' : 'failed';
}

const described = (outcome: object): string =>
  isDecision(outcome) ? `its decision is '${outcome.kind}'` : `its status is ${statusOf(outcome) ?? 'unknown'}`;

/** Whether a response tells when to come back. Decisions and errors tell it in their own way. */
function hasRetryAfter(outcome: object): boolean {
  const headers = 'headers' in outcome && !(outcome instanceof Error) ? outcome.headers : undefined;
  if (typeof headers !== 'object' || headers === null) return true;
  return headers instanceof Headers ? headers.has('retry-after') : 'retry-after' in headers;
}
