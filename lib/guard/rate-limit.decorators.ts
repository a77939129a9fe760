import { createParamDecorator } from '@nestjs/common';
import type { Decision } from '../contracts/decision.js';
import type { PolicyInput } from '../contracts/policy.js';
import { decisionFor } from './request-decision.js';
import { declareLimits, declareSkips } from './route-metadata.js';

/**
 * Limits a route, or every route of a class. Several policies must all allow the call, and are charged all or none. You
 * can use the decorator several times. A policy defined here counts the calls of the method, or of all routes of the
 * class together. A policy of the module counts all its uses together. A subclass inherits the decorators of its
 * parent, unless it has its own.
 *
 * @param policies names of module policies, rates, options, or resolvers that find the policies of each call
 * @throws RateLimitConfigurationError at start-up, for a wrong policy or an unknown name
 * @example
 * @RateLimit('login', { rate: '100/d', key: 'global' })
 * @Post('login')
 * login() {}
 */
export function RateLimit(...policies: PolicyInput[]): MethodDecorator & ClassDecorator {
  return declareLimits(policies);
}

/**
 * Excludes a route, or the routes of a class, from limits. On a class it removes the limits of the class and the
 * module. A limit on one of its methods still applies.
 *
 * @param names names of policies; without names: all
 */
export function SkipRateLimit(...names: string[]): MethodDecorator & ClassDecorator {
  return declareSkips(names);
}

/**
 * Injects the request's `Decision` into a parameter of a handler: `unenforced` with reason `skipped` if no limit
 * applies.
 *
 * @example
 * find(@RateLimitDecision() decision: Decision) {}
 */
export const RateLimitDecision: () => ParameterDecorator = createParamDecorator((_data: unknown, context): Decision =>
  decisionFor(context),
);
