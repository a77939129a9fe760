import { createParamDecorator } from '@nestjs/common';
import type { Decision } from '../contracts/decision.js';
import type { PolicyInput } from '../contracts/policy.js';
import { decisionFor } from './request-decision.js';
import { declareLimits, declareSkips } from './route-metadata.js';

/**
 * Limits a route, or every route of a class. Several policies must all pass, and are charged all or none; further
 * decorators append. What is defined here counts here: for a method, its calls; for a class, those of all its routes
 * together. A policy that the module names counts across all its uses. A subclass inherits what its parent says, unless
 * it is decorated itself.
 *
 * @param policies names of the module's policies, rates, options, or what finds them for each call
 * @throws RateLimitConfigurationError at start-up, for a policy that is wrong or a name that is unknown
 * @example
 * @RateLimit('login', { rate: '100/d', key: 'global' })
 * @Post('login')
 * login() {}
 */
export function RateLimit(...policies: PolicyInput[]): MethodDecorator & ClassDecorator {
  return declareLimits(policies);
}

/**
 * Leaves a route, or the routes of a class, out of limits. On a class it lifts what the class and the module apply; a
 * limit on a method of it holds.
 *
 * @param names of policies; none: all
 */
export function SkipRateLimit(...names: string[]): MethodDecorator & ClassDecorator {
  return declareSkips(names);
}

/**
 * Hands the request's `Decision` to a parameter of a handler: `unenforced`, reason `skipped`, where no limit applies.
 *
 * @example
 * find(@RateLimitDecision() decision: Decision) {}
 */
export const RateLimitDecision: () => ParameterDecorator = createParamDecorator((_data: unknown, context): Decision =>
  decisionFor(context),
);
