import { Inject, Optional } from '@nestjs/common';
import { BREAKER_REGISTRY, CircuitBreakerRegistry } from './breaker.registry.js';

/** The request of a decorated method to a registry. */
export interface BreakerBinding<T> {
  /** For the symbols that Nest injects by. */
  readonly label: string;
  /** Creates or finds the breaker or breakers of the method. */
  readonly make: (registry: CircuitBreakerRegistry) => T;
  /** Throws if something that the definition needs is missing on the instance. */
  readonly check: (instance: object) => void;
}

/** Registries of instances that Nest did not create. Each has its own, so that nothing is shared by accident. */
const privateRegistries = new WeakMap<object, CircuitBreakerRegistry>();

/**
 * Lets Nest inject the application's registry into every instance of a class, at start-up for singletons. Returns a
 * function that finds the breakers of an instance's method. An instance stores them under a symbol that is not
 * enumerable, so printing, comparing or serialising an instance does not show them.
 *
 * The registry is requested twice: by its class, and by a token that all copies of this package share.
 *
 * @param target the prototype that declares the method, or the class itself for a static method
 */
export function bindBreaker<T>(target: object, { label, make, check }: BreakerBinding<T>): (self: unknown) => T {
  const held = Symbol(`breaker ${label}`);
  const known = new WeakMap<CircuitBreakerRegistry, { readonly made: T }>();

  const madeIn = (registry: CircuitBreakerRegistry): { readonly made: T } => {
    const entry = known.get(registry) ?? { made: make(registry) };
    known.set(registry, entry);
    return entry;
  };
  const hold = (instance: object, entry: { readonly made: T }): { readonly made: T } => {
    check(instance);
    if (Object.isExtensible(instance)) {
      Object.defineProperty(instance, held, { value: entry, configurable: true });
    }
    return entry;
  };
  if (typeof target === 'object') {
    for (const token of [CircuitBreakerRegistry, BREAKER_REGISTRY]) {
      const property = Symbol(`registry ${label}`);
      Object.defineProperty(target, property, {
        set(this: object, given: CircuitBreakerRegistry | undefined) {
          if (given !== undefined) hold(this, madeIn(given));
        },
      });
      Inject(token)(target, property);
      Optional()(target, property);
    }
  }
  // Without `this` there is no instance to store a breaker. The prototype must not store it, because every instance
  // would see it.
  const nobody = {};
  return (self) => {
    const instance = isObject(self) ? self : nobody;
    const entry = (instance as { readonly [held]?: { readonly made: T } })[held];
    return (entry ?? hold(instance, madeIn(privateRegistry(instance)))).made;
  };
}

function privateRegistry(instance: object): CircuitBreakerRegistry {
  const registry = privateRegistries.get(instance) ?? new CircuitBreakerRegistry();
  privateRegistries.set(instance, registry);
  return registry;
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}
