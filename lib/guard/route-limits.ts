import { RateLimitConfigurationError } from '../contracts/errors.js';
import type { RouteLimits } from '../contracts/route-limits.js';

/**
 * All policies of a route, for `BackendService`: those of its method, its class and the module's `apply`. They use the
 * same counters as the guard. A policy that depends on the request has no counter without a request; name the other
 * policies to leave it out.
 *
 * @param type the class of the controller, resolver or gateway
 * @param method the name of its handler
 * @param names names of the chosen policies, as headers show them. Default: all
 * @throws RateLimitConfigurationError if `type` is not a class; `BackendService` throws it for a method without a
 * limit, or a name that does not apply there
 * @example
 * await backend.reset(keyOf.user(42), routeLimits(CatsController, 'find'));
 */
export function routeLimits<T>(
  type: abstract new (...args: never[]) => T,
  method: keyof T & string,
  names?: string | readonly string[],
): RouteLimits {
  if (typeof type !== 'function') {
    throw new RateLimitConfigurationError('routeLimits', type, 'Give the class of a controller, resolver or gateway.');
  }
  return { kind: 'route-limits', type, method, names: typeof names === 'string' ? [names] : names };
}
