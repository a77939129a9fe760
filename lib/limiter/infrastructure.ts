import { isUnanswered } from '../contracts/error-like.js';
import { isUnavailable } from '../contracts/errors.js';

/** Codes of the operating system and of `node:net` for a peer that cannot be reached or has disconnected. */
const NETWORK_CODES: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'ENOTCONN',
  'EPIPE',
  'ETIMEDOUT',
  'ESOCKETTIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ERR_SOCKET_CLOSED',
]);

/**
 * Whether an error is an infrastructure failure of a backend.
 *
 * Backends translate the errors of their drivers themselves. The codes of the network are known here, so a backend that
 * forgets one does not turn an outage into a bug. Every other error is thrown.
 */
export function isInfrastructureError(error: unknown): error is Error {
  if (isUnavailable(error)) return true;
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return isUnanswered(error) || NETWORK_CODES.has(code);
}
