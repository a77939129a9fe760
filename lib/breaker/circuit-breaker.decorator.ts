import 'reflect-metadata';
import { Observable } from 'rxjs';
import { RateLimitConfigurationError } from '../contracts/errors.js';
import { bindBreaker } from './breaker.binding.js';
import { type BreakerTuning, toSettings } from './breaker.options.js';
import { GuardedMethod, type Recovery, type ResultShape } from './guarded-method.js';

/** Answers instead of a call; `this` is the instance. It may be asynchronous, or answer an Observable. */
export type CircuitBreakerFallback = FallbackSignature['answer'];

interface FallbackSignature {
  // A method's signature, so that a fallback may name the types of its own error and arguments.
  answer(error: unknown, ...args: unknown[]): unknown;
}

/** Options of `@CircuitBreaker`. */
export type CircuitBreakerDecoratorOptions = BreakerTuning & {
  /** Methods that give one name share one breaker. Default: `Class.method` of the class that declares the method. */
  readonly name?: string;
  /**
   * Answers for a call that is rejected or failed (an error that `isFailure` ignores goes to the caller): a method of
   * the same instance, by name, or a function. It is given the error, then the call's arguments.
   */
  readonly fallback?: string | CircuitBreakerFallback;
};

const DEFAULTS: BreakerTuning = Object.freeze({ isFailure: isServerFailure });

/**
 * Puts a method behind a circuit breaker: on a controller, a resolver, a gateway or a provider of any scope, above or
 * below other decorators. A rejected call throws `CircuitOpenError` (over HTTP: 503 with `Retry-After`), unless there
 * is a `fallback`. A synchronous method stays synchronous; of an Observable, each subscription counts as a call.
 *
 * The breaker belongs to the application's `CircuitBreakerRegistry`; all instances of a class share it. An instance
 * that Nest did not make (`new`, `useFactory`) has one of its own. By default every error is a failure but an
 * HttpException below 500, which is an answer.
 *
 * @param options a name, or options; all have defaults
 * @throws RateLimitConfigurationError for an option that is unknown or out of range, or if it is not put on a method
 * @example
 * \@CircuitBreaker({ failureThreshold: 3, recoveryTimeout: '30s', fallback: 'cachedQuote' })
 * async quote(symbol: string): Promise<Quote> { … }
 *
 * cachedQuote(error: Error, symbol: string): Quote { … }
 */
export function CircuitBreaker(options: string | CircuitBreakerDecoratorOptions = {}): MethodDecorator {
  const { name, fallback, ...given } = typeof options === 'string' ? { name: options, fallback: undefined } : options;
  if (name === '') throw new RateLimitConfigurationError('@CircuitBreaker name', name, 'Give a name, or leave it out.');
  toSettings(given);
  return (target, key, descriptor: PropertyDescriptor | undefined) => {
    const method: unknown = descriptor?.value;
    if (descriptor === undefined || typeof method !== 'function') {
      throw new RateLimitConfigurationError(`@CircuitBreaker on '${String(key)}'`, method, 'Put it on a method.');
    }
    const breakerOf = bindBreaker(target, {
      chosenName: name,
      defaultName: `${classOf(target).name}.${String(key)}`,
      options: Object.keys(given).length === 0 ? undefined : given,
      defaults: DEFAULTS,
      check: (instance) => requireFallback(instance, fallback),
    });
    const guarded = new GuardedMethod(
      method as (...args: unknown[]) => unknown,
      shapeOf(target, key, method),
      recoveryFor(fallback),
    );
    const wrapper = function (this: unknown, ...args: unknown[]): unknown {
      return guarded.call({ breaker: breakerOf(this), self: this, args });
    };
    resemble(wrapper, method);
    descriptor.value = wrapper;
  };
}

/** An answer below 500 (not found, forbidden, too many requests) says that what was called works. */
export function isServerFailure(error: unknown): boolean {
  const status: unknown = (error as { getStatus?: () => unknown } | null | undefined)?.getStatus?.();
  return typeof status !== 'number' || status >= 500;
}

function classOf(target: object): { readonly name: string } {
  return typeof target === 'function' ? target : target.constructor;
}

function shapeOf(target: object, key: string | symbol, method: object): ResultShape {
  if (Object.prototype.toString.call(method) === '[object AsyncFunction]') return 'promise';
  const declared: unknown = Reflect.getMetadata('design:returntype', target, key);
  if (declared === Promise) return 'promise';
  return declared === Observable ? 'observable' : 'value';
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

/** Makes the wrapper pass for the method: its name, its length, its properties and the metadata of decorators below. */
function resemble(wrapper: object, method: object): void {
  const { prototype: _own, ...properties } = Object.getOwnPropertyDescriptors(method as Record<PropertyKey, unknown>);
  Object.defineProperties(wrapper, properties);
  for (const key of Reflect.getOwnMetadataKeys(method)) {
    Reflect.defineMetadata(key, Reflect.getOwnMetadata(key, method), wrapper);
  }
}
