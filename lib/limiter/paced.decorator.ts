import { Inject, Optional } from '@nestjs/common';
import { statusOf } from '../breaker/error.status.js';
import { RateLimitConfigurationError } from '../contracts/errors.js';
import type { Duration, PolicyInput } from '../contracts/policy.js';
import { wallMs } from '../contracts/process-time.js';
import { MAX_TIMER_MS, parseDuration } from '../policies/duration.js';
import { BackendService } from './backend.service.js';
import { retryAfterOf } from './retry-after.js';

/** Options of `@Paced`. */
export interface PacedOptions {
  /** Returns the key of a call from its arguments. Default: one key for the method, `Class.method`. */
  // A method's signature, so that it may name the types of its own arguments.
  key?(...args: unknown[]): string;
  /** Maximum wait of a call, at most 24 days. */
  readonly maxWait: Duration;
}

/**
 * Makes calls of a provider's method wait until a policy admits them, in order of arrival. Use it for calls to another
 * API. The method returns a promise.
 *
 * If the method throws an error with status 429, the caller gets the error, and the key pauses in all processes that
 * share the store, as long as the response's `Retry-After` (or the error's `retryAfterMs`) says.
 *
 * @param policy name of a module policy, a rate or options
 * @throws RateLimitConfigurationError if it is not on a method, or an option is wrong
 * @example
 * \@Paced('10/s', { maxWait: '30s' })
 * async push(contact: Contact): Promise<void> { … }
 */
export function Paced(policy: PolicyInput, options: PacedOptions): MethodDecorator {
  parseDuration('@Paced maxWait', options.maxWait, MAX_TIMER_MS);
  return (target, name, descriptor: PropertyDescriptor | undefined) => {
    const method: unknown = descriptor?.value;
    if (descriptor === undefined || typeof method !== 'function' || typeof target !== 'object') {
      throw new RateLimitConfigurationError(`@Paced on '${String(name)}'`, method, "Put it on a provider's method.");
    }
    const place = `${target.constructor.name}.${String(name)}`;
    const service = Symbol(`limiter of ${place}`);
    Inject(BackendService)(target, service);
    Optional()(target, service);
    descriptor.value = async function paced(
      this: { [service]?: BackendService },
      ...args: unknown[]
    ): Promise<unknown> {
      const limiter = this[service];
      if (limiter === undefined) {
        throw new RateLimitConfigurationError(
          `@Paced on '${place}'`,
          undefined,
          'Let Nest make the instance, in an application that imports RateLimitModule.forRoot().',
        );
      }
      const key = options.key?.(...args) ?? place;
      await limiter.waitFor(key, policy, { maxWait: options.maxWait });
      try {
        return await (method as (...given: unknown[]) => unknown).apply(this, args);
      } catch (error) {
        const pauseMs = statusOf(error) === 429 ? retryAfterOf(error, wallMs()) : 0;
        if (pauseMs > 0) await limiter.pause(key, policy, pauseMs);
        throw error;
      }
    };
    for (const metadata of Reflect.getMetadataKeys(method)) {
      Reflect.defineMetadata(metadata, Reflect.getMetadata(metadata, method), descriptor.value as object);
    }
    Object.defineProperty(descriptor.value, 'name', { value: String(name), configurable: true });
  };
}
