import { isUnavailable } from '../contracts/errors.js';

/** Codes of the operating system and of `node:net` for a peer that can't be reached, or went away. */
const NETWORK_CODES: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ESOCKETTIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

/**
 * Whether an error says that a backend cannot be asked, rather than that something was asked wrongly.
 *
 * Backends translate their driver's errors themselves; the network's own codes are known here, so that a backend that
 * forgets one does not turn an outage into a bug. Everything else propagates.
 */
export function isInfrastructureError(error: unknown): error is Error {
  if (isUnavailable(error)) return true;
  if (!(error instanceof Error)) return false;
  if (error.name === 'TimeoutError' || error.name === 'AbortError') return true;
  return NETWORK_CODES.has((error as { code?: unknown }).code);
}
