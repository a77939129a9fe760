import { RateLimitConfigurationError } from '../contracts/errors.js';
import { bindBreaker } from './breaker.binding.js';
import type { Breaker } from './breaker.js';
import type { BreakerDefinition } from './breaker.registry.js';

/** The default maximum number of breakers of a keyed method. */
const DEFAULT_MAX_BREAKERS = 1_000;

/** One breaker for all calls of a method, or one for each key. */
export interface BreakerChoice {
  readonly key?: ((...args: unknown[]) => string) | undefined;
  readonly maxBreakers?: number | undefined;
  /** Throws if something that the definition needs is missing on the instance. */
  readonly check: (instance: object) => void;
}

/** Finds the breaker of each call of a method. */
export function chooseBreaker(
  target: object,
  definition: BreakerDefinition,
  { key, maxBreakers = DEFAULT_MAX_BREAKERS, check }: BreakerChoice,
): (self: unknown, args: unknown[]) => Breaker {
  const { name: label, owner, options, defaults } = definition;
  if (key === undefined) {
    return bindBreaker(target, {
      label,
      check,
      make: (registry) =>
        owner === undefined
          ? registry.getOrCreate(label, options, defaults)
          : registry.getOrCreateFor(owner, label, options, defaults),
    });
  }
  const breakersOf = bindBreaker(target, {
    label,
    check,
    make: (registry) => registry.getOrCreateKeyed(definition, maxBreakers),
  });
  return (self, args) => {
    const answer: unknown = key.apply(self, args);
    if (typeof answer !== 'string') {
      throw new RateLimitConfigurationError(
        `@CircuitBreaker key of '${label}'`,
        answer,
        'Answer a string, such as new URL(url).host.',
      );
    }
    return breakersOf(self).get(answer);
  };
}

/** @throws RateLimitConfigurationError for a key that is not a function, or a wrong number of breakers */
export function requireChoice({ key, maxBreakers }: Omit<BreakerChoice, 'check'>): void {
  if (key !== undefined && typeof key !== 'function') {
    throw new RateLimitConfigurationError('@CircuitBreaker key', key, 'Give a function of the arguments.');
  }
  if (maxBreakers === undefined) return;
  if (key === undefined) {
    throw new RateLimitConfigurationError(
      '@CircuitBreaker maxBreakers',
      maxBreakers,
      'Give a key too, or leave it out.',
    );
  }
  if (!Number.isSafeInteger(maxBreakers) || maxBreakers < 1) {
    throw new RateLimitConfigurationError(
      '@CircuitBreaker maxBreakers',
      maxBreakers,
      'Give a whole number of at least 1.',
    );
  }
}
