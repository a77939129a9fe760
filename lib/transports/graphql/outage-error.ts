import { isUnavailable } from '../../contracts/errors.js';
import { refusalOf } from '../refusal.js';

/**
 * The GraphQL error for an outage or an open circuit. Its message names no backend and no breaker, because GraphQL
 * servers send the message and the extensions of an error. Any other error stays unchanged.
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
