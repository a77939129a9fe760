import type { CircuitBreakerOptions } from '../contracts/breaker.js';
import { parseDuration } from '../policies/duration.js';

/** The name of a backend's breaker in the registry. */
export const breakerName = (backend: string): string => `backend:${backend}`;

/** A blip costs a second: the first open period, its maximum, and the time until it is short again. */
const FIRST_OPEN_MS = 1_000;
const LONGEST_OPEN_MS = 60_000;
const FORGIVEN_MS = 1_000;

/** The deadline in the options of a backend's breaker, in ms; `Infinity` if there is none. */
export function ownDeadlineMs(options: CircuitBreakerOptions | false): number {
  if (options === false || options.callTimeout === undefined) return Number.POSITIVE_INFINITY;
  return parseDuration('circuitBreaker.callTimeout', options.callTimeout);
}

/** Options with the defaults of a breaker around a backend. */
export function asForBackends(options: CircuitBreakerOptions): CircuitBreakerOptions {
  const { recoveryTimeout = FIRST_OPEN_MS, resetTimeout = FORGIVEN_MS } = options;
  const longestMs = Math.max(LONGEST_OPEN_MS, parseDuration('circuitBreaker.recoveryTimeout', recoveryTimeout));
  return { backoffMax: longestMs, ...options, recoveryTimeout, resetTimeout };
}
