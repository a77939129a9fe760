import { isUnavailable } from '../contracts/errors.js';
import type { RateLimitExceededException } from '../contracts/rate-limit-exceeded.exception.js';
import type { Refusal } from './transport.js';

/** What a caller gets for an error. The message of an outage names no backend and no breaker. */
export function refusalOf(error: RateLimitExceededException | (Error & { code: string })): Refusal {
  if (isUnavailable(error)) {
    return { code: error.code, message: 'Service Unavailable', retryAfterMs: error.retryAfterMs, policies: [] };
  }
  const { decision, code, message } = error as RateLimitExceededException;
  return { code, message, retryAfterMs: decision.retryAfterMs, policies: decision.policies };
}

/** What is sent where an error is an object: to sockets, and over RPC. */
export const errorObject = ({ code, message, retryAfterMs }: Refusal): object => ({
  status: 'error',
  code,
  message,
  retryAfterMs,
});
