import { isUnavailable } from '../../contracts/errors.js';
import { RateLimitExceededException } from '../../contracts/rate-limit-exceeded.exception.js';
import { type Header, rateLimitHeaders, retryAfterHeader } from './headers.js';

/** The headers of an error response, for any writer of the body: `Retry-After` of a 503 and of a 429. */
export function errorHeaders(error: unknown): readonly Header[] {
  if (isUnavailable(error)) return [retryAfterHeader(error.retryAfterMs)];
  return error instanceof RateLimitExceededException ? rateLimitHeaders(error.decision, false) : [];
}
