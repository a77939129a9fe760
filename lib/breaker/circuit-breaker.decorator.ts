import 'reflect-metadata';
import { RateLimitConfigurationError } from '../contracts/errors.js';
import { chooseBreaker, requireChoice } from './breaker.choice.js';
import { type BreakerTuning, toSettings } from './breaker.options.js';
import type { Breaker } from './breaker.js';
import type { BreakerDefinition } from './breaker.registry.js';
import { isServerFailure } from './error.status.js';
import type { Recovery } from './guarded-call.js';
import { GuardedMethod } from './guarded-method.js';
import { resemble } from './resemblance.js';
import { shapeOf } from './result.shape.js';

/** Returns a value instead of a call. `this` is the instance. It can be asynchronous, or return an Observable. */
export type CircuitBreakerFallback = FallbackSignature['answer'];

interface FallbackSignature {
  // A method's signature, so that a fallback may name the types of its own error and arguments.
  answer(error: unknown, ...args: unknown[]): unknown;
}

/** Options of `@CircuitBreaker`. */
export type CircuitBreakerDecoratorOptions = BreakerTuning & {
  /** Methods with the same name share one breaker. Default: `Class.method`, with the class that declares the method. */
  readonly name?: string;
  /**
   * Replaces a rejected or failed call: the name of a method of the same instance, or a function. It gets the error and
   * then the arguments of the call. For a result for which `isFailureResult` is true, the error is a
   * `FailureResultError`. An error that is not a failure goes to the caller unchanged.
   */
  readonly fallback?: string | CircuitBreakerFallback;
  /**
   * Returns the key of the breaker for a call, from its arguments, such as the host: each key has its own breaker,
   * named `name[key]`. `this` is the instance. If it throws, the caller gets the error. Default: one breaker for all
   * calls.
   */
  readonly key?: KeySignature['of'];
  /**
   * Maximum number of breakers with a `key`: a whole number of at least 1. If there are more, the least recently used
   * one is removed, and its key starts again with a closed circuit. Default 1,000.
   */
  readonly maxBreakers?: number;
};

interface KeySignature {
  // A method's signature, so that a key function may name the types of its own arguments.
  of(...args: unknown[]): string;
}

const DEFAULTS: BreakerTuning = Object.freeze({ isFailure: isServerFailure });

/**
 * Puts a circuit breaker around a method: on a controller, a resolver, a gateway or a provider of any scope, above or
 * below other decorators. A rejected call throws `CircuitOpenError` (over HTTP: 503 with `Retry-After`), unless there
 * is a `fallback`. A synchronous method stays synchronous. For an Observable or an async generator, each subscription
 * or iteration is a call.
 *
 * The breaker belongs to the application's `CircuitBreakerRegistry`, and all instances of a class share it. An instance
 * that Nest did not create (`new`, `useFactory`) has its own breaker. By default every error is a failure, except
 * errors with an HTTP status from 400 to 499, which are answers; 408, 425 and 429 are failures.
 *
 * @param options a name, or options; all have defaults
 * @throws RateLimitConfigurationError for an option that is unknown or out of range, or if it is not on a method
 * @example
 * \@CircuitBreaker({ failureThreshold: 3, recoveryTimeout: '30s', fallback: 'cachedQuote' })
 * async quote(symbol: string): Promise<Quote> { … }
 *
 * cachedQuote(error: Error, symbol: string): Quote { … }
 */
export function CircuitBreaker(options: string | CircuitBreakerDecoratorOptions = {}): MethodDecorator {
  const { name, fallback, key, maxBreakers, ...given }: CircuitBreakerDecoratorOptions =
    typeof options === 'string' ? { name: options } : options;
  if (name === '') throw new RateLimitConfigurationError('@CircuitBreaker name', name, 'Give a name, or leave it out.');
  requireChoice({ key, maxBreakers });
  toSettings(given);
  return (target, property, descriptor: PropertyDescriptor | undefined) => {
    const method: unknown = descriptor?.value;
    if (descriptor === undefined || typeof method !== 'function') {
      throw new RateLimitConfigurationError(`@CircuitBreaker on '${String(property)}'`, method, 'Put it on a method.');
    }
    const definition: BreakerDefinition = {
      name: name ?? `${classOf(target).name}.${String(property)}`,
      // Its identity is what an unnamed breaker belongs to.
      owner: name === undefined ? {} : undefined,
      options: Object.keys(given).length === 0 ? undefined : given,
      defaults: DEFAULTS,
    };
    const breakerOf = chooseBreaker(target, definition, {
      key,
      maxBreakers,
      check: (instance) => requireFallback(instance, fallback),
    });
    const shape = shapeOf(target, property, method);
    const guarded = new GuardedMethod(method as (...args: unknown[]) => unknown, shape, recoveryFor(fallback));
    const wrapper = function (this: unknown, ...args: unknown[]): unknown {
      let breaker: Breaker;
      try {
        breaker = breakerOf(this, args);
      } catch (error) {
        return guarded.refuse(error);
      }
      return guarded.call({ breaker, self: this, args });
    };
    resemble(wrapper, method);
    descriptor.value = wrapper;
  };
}

function classOf(target: object): { readonly name: string } {
  return typeof target === 'function' ? target : target.constructor;
}

function recoveryFor(fallback: CircuitBreakerDecoratorOptions['fallback']): Recovery | undefined {
  if (fallback === undefined) return undefined;
  if (typeof fallback === 'function') return (self, error, args) => fallback.call(self, error, ...args);
  return (self, error, args) => (self as Record<string, CircuitBreakerFallback>)[fallback]?.(error, ...args);
}

function requireFallback(instance: object, fallback: CircuitBreakerDecoratorOptions['fallback']): void {
  if (fallback === undefined || typeof fallback === 'function') return;
  if (typeof (instance as Record<string, unknown>)[fallback] === 'function') return;
  throw new RateLimitConfigurationError(
    '@CircuitBreaker fallback',
    fallback,
    'Give a function, or the name of a method of this class.',
  );
}
