import { Inject, Injectable, Logger } from '@nestjs/common';
import { RateLimitConfigurationError } from '../contracts/errors.js';
import type { PolicyInput } from '../contracts/policy.js';
import type { RouteLimits } from '../contracts/route-limits.js';
import { isUnlimited, type CompiledPolicy } from '../policies/compiled-policy.js';
import { PolicyCatalog } from '../policies/policy-catalog.js';
import { checkApart, isOfService } from '../policies/policy-identity.js';
import { NameTree } from './name-tree.js';
import { PreparedPolicies } from './prepared-policies.js';
import { RoutePolicies } from './route-policies.js';

type ServicePolicyInput = PolicyInput | RouteLimits;

/** The policies argument of `BackendService`: one or several, or those of a route. */
export type Policies = ServicePolicyInput | readonly ServicePolicyInput[] | PreparedPolicies;

/** Rates and names come from code, not from input. If they do come from input, the memory still stays bounded. */
const MAX_PREPARED = 1_000;

/** Whether a method charges a counter, and so creates it, or uses an existing one. */
export type Use = 'charges' | 'asks';

/** Compiles the policies argument of `BackendService`. */
@Injectable()
export class ServicePolicies {
  private readonly logger = new Logger('RateLimit');
  /** Policies that equal one in a decorator, and were charged here or warned about. */
  private readonly settled = new Set<string>();
  private readonly prepared = new NameTree<PreparedPolicies>(MAX_PREPARED);

  constructor(
    @Inject(PolicyCatalog) private readonly catalog: PolicyCatalog,
    @Inject(RoutePolicies) private readonly routes: RoutePolicies,
  ) {}

  /** @throws RateLimitConfigurationError for a policy that is wrong, or if there is none */
  compile(policies: Policies, use: Use): readonly CompiledPolicy[] {
    if (policies instanceof PreparedPolicies) return policies.current().policies;
    const inputs = [policies].flat() as readonly ServicePolicyInput[];
    if (inputs.length === 0) {
      throw new RateLimitConfigurationError('policies', policies, 'Give at least one policy.');
    }
    const compiled = inputs.flatMap((input) => this.one(input, use)).filter((one) => !isUnlimited(one));
    checkApart('policies', compiled);
    return compiled;
  }

  /** The prepared names and rates of earlier charges; `undefined` for other inputs. @throws the errors of `compile` */
  lookedUp(policies: Policies): PreparedPolicies | undefined {
    if (policies instanceof PreparedPolicies) return policies;
    const place = this.prepared.at(policies);
    return place && (place.kept ??= this.prepare(policies));
  }

  /** Resolves policies once, for many calls. @throws RateLimitConfigurationError for a wrong policy */
  prepare(policies: Policies): PreparedPolicies {
    return new PreparedPolicies(
      () => this.compile(policies, 'charges'),
      () => this.catalog.generation,
    );
  }

  private one(input: ServicePolicyInput, use: Use): readonly CompiledPolicy[] {
    if (isRouteLimits(input)) return this.routes.policiesOf(input);
    const compiled = this.known(input);
    if (isOfService(compiled)) this.compareWithRoutes(compiled, use);
    return [compiled];
  }

  private known(input: PolicyInput): CompiledPolicy {
    try {
      return this.catalog.forService(input);
    } catch (error) {
      const place = typeof input === 'string' ? this.routes.writtenIn(input) : undefined;
      if (place === undefined || !(error instanceof RateLimitConfigurationError)) throw error;
      throw new RateLimitConfigurationError(error.option, input, `${error.mend} ${ifMeant(place)}`);
    }
  }

  /** A reset of a counter that was never charged here probably means the counter of a route. */
  private compareWithRoutes({ policy: { name } }: CompiledPolicy, use: Use): void {
    if (this.settled.has(name)) return;
    const place = this.routes.writtenIn(name);
    if (place === undefined) return;
    this.settled.add(name);
    if (use === 'charges') return;
    this.logger.warn(`The policy '${name}' that BackendService was given has a counter of its own. ${ifMeant(place)}`);
  }
}

const ifMeant = (place: string): string => `If you mean that of @RateLimit(), give ${place}.`;

const isRouteLimits = (input: ServicePolicyInput): input is RouteLimits =>
  typeof input === 'object' && (input as Partial<RouteLimits>).kind === 'route-limits';
