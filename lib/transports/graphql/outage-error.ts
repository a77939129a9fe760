import { isUnavailable } from '../../contracts/errors.js';
import { refusalOf } from '../refusal.js';

/**
 * The error by which GraphQL tells of an outage or an open circuit: the same, but its message names neither backend nor
 * breaker. GraphQL servers send the message and the extensions of what a resolver throws. Any other error is answered as
 * it is.
 */
export function shownError(error: unknown): unknown {
  if (!isUnavailable(error)) return error;
  const { code, message, retryAfterMs } = refusalOf(error);
  return Object.create(error, {
    message: { value: message },
    extensions: { value: { code, retryAfterMs } },
  }) as Error;
}

/** Throws what `shownError` makes of an error. */
export function rethrowShown(error: unknown): never {
  throw shownError(error);
}
