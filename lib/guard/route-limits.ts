import { RateLimitConfigurationError } from '../contracts/errors.js';
import type { RouteLimits } from '../contracts/route-limits.js';

/**
 * All policies that hold on a route, for `BackendService`: those of its method, its class and the module's `apply`. Each
 * names the very counter that the guard charges. Policies that are found by the request have none until there is one:
 * they are left out by naming the others.
 *
 * @param type the class of the controller, resolver or gateway
 * @param method the name of its handler
 * @param names of the policies that are meant, as headers show them. Default: all
 * @throws RateLimitConfigurationError for what is no class; and `BackendService`, for a method without a limit or a name
 * that does not hold there
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
