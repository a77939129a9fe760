import { isUnavailable } from '../contracts/errors.js';

/** Codes of the operating system and of `node:net` for a peer that can't be reached, or went away. */
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

/** Names of errors for an answer that nobody waited for any longer: this package's own, and the platform's. */
const UNANSWERED: ReadonlySet<unknown> = new Set(['DeadlineExceededError', 'TimeoutError', 'AbortError']);

/**
 * Whether an error says that a backend cannot be asked, rather than that something was asked wrongly.
 *
 * Backends translate their driver's errors themselves; the network's own codes are known here, so that a backend that
 * forgets one does not turn an outage into a bug. Everything else propagates.
 */
export function isInfrastructureError(error: unknown): error is Error {
  if (isUnavailable(error)) return true;
  // By its shape, since the platform's errors are of another realm where a test runner gives each file its globals.
  const { name, code } = (error ?? {}) as { readonly name?: unknown; readonly code?: unknown };
  return UNANSWERED.has(name) || NETWORK_CODES.has(code);
}
