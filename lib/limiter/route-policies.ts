import type { RouteLimits } from '../contracts/route-limits.js';
import type { CompiledPolicy } from '../policies/compiled-policy.js';

/** The interface of `BackendService` to the routes of the application. */
export abstract class RoutePolicies {
  /** @throws RateLimitConfigurationError if there is no such route or policy */
  abstract policiesOf(limits: RouteLimits): readonly CompiledPolicy[];

  /** The code that names the counter of a policy in a decorator, such as `routeLimits(CatsController, 'all')`. */
  abstract writtenIn(policyName: string): string | undefined;
}
