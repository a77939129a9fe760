import type { RouteLimits } from '../contracts/route-limits.js';
import type { CompiledPolicy } from '../policies/compiled-policy.js';

/** What `BackendService` asks of the routes of the application. */
export abstract class RoutePolicies {
  /** @throws RateLimitConfigurationError if there is no such route or policy */
  abstract policiesOf(limits: RouteLimits): readonly CompiledPolicy[];

  /** How to name the counter of a policy that is written in a decorator, such as `routeLimits(CatsController, 'all')`. */
  abstract writtenIn(policyName: string): string | undefined;
}
