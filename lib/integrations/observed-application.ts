import type { ModuleRef } from '@nestjs/core';
import { CircuitBreakerRegistry } from '../breaker/breaker.registry.js';
import { RateLimitConfigurationError } from '../contracts/errors.js';
import { Decider } from '../limiter/decider.js';
import { RateLimitEvents } from '../observe/rate-limit-events.js';

/** What observers need of an application. */
export interface ObservedApplication {
  readonly events: RateLimitEvents;
  readonly breakers: CircuitBreakerRegistry;
  readonly decider: Decider;
}

/**
 * Finds the parts of `RateLimitModule`, whether it is global or not.
 *
 * @param observer name of the module that asks, for the error
 * @throws RateLimitConfigurationError if the application has no `RateLimitModule`
 */
export function observedApplication(modules: ModuleRef, observer: string): ObservedApplication {
  try {
    return {
      events: modules.get(RateLimitEvents, { strict: false }),
      breakers: modules.get(CircuitBreakerRegistry, { strict: false }),
      decider: modules.get(Decider, { strict: false }),
    };
  } catch {
    throw new RateLimitConfigurationError(
      observer,
      'an application without RateLimitModule',
      'Import RateLimitModule.forRoot() in the root module: there is nothing to observe without it.',
    );
  }
}
