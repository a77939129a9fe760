import { Inject, Optional } from '@nestjs/common';
import type { Breaker } from './breaker.js';
import type { BreakerTuning } from './breaker.options.js';
import { CircuitBreakerRegistry } from './breaker.registry.js';

/** Which breaker a decorated method asks for. Its identity is what an unnamed breaker belongs to. */
export interface BreakerDefinition {
  /** The name that was chosen; `undefined`: `Class.method`. */
  readonly chosenName: string | undefined;
  readonly defaultName: string;
  /** `undefined`: none were given. */
  readonly options: BreakerTuning | undefined;
  readonly defaults: BreakerTuning;
  /** Throws if the instance lacks what the definition needs. */
  readonly check: (instance: object) => void;
}

/** Registries of instances that Nest did not make: each has its own, so that nothing is shared unseen. */
const privateRegistries = new WeakMap<object, CircuitBreakerRegistry>();

/**
 * Lets Nest hand the application's registry to every instance of a class, at start-up for singletons, and answers how
 * to find the breaker of an instance. An instance keeps its breaker under a symbol that is not enumerable, so nobody
 * who prints, compares or serialises it sees anything of this.
 *
 * @param target the prototype that declares the method, or the class itself for a static one
 */
export function bindBreaker(target: object, definition: BreakerDefinition): (self: unknown) => Breaker {
  const held = Symbol(`breaker ${definition.defaultName}`);
  const known = new WeakMap<CircuitBreakerRegistry, Breaker>();

  const breakerIn = (registry: CircuitBreakerRegistry): Breaker => {
    const breaker = known.get(registry) ?? create(registry, definition);
    known.set(registry, breaker);
    return breaker;
  };
  const hold = (instance: object, breaker: Breaker): Breaker => {
    definition.check(instance);
    if (Object.isExtensible(instance)) {
      Object.defineProperty(instance, held, { value: breaker, configurable: true });
    }
    return breaker;
  };
  if (typeof target === 'object') {
    const registry = Symbol(`registry ${definition.defaultName}`);
    Object.defineProperty(target, registry, {
      configurable: true,
      set(this: object, given: CircuitBreakerRegistry) {
        hold(this, breakerIn(given));
      },
    });
    Inject(CircuitBreakerRegistry)(target, registry);
    Optional()(target, registry);
  }
  // A method that lost its `this` has nobody to keep a breaker for it; the prototype must not, every instance would see it.
  const nobody = {};
  return (self) => {
    const instance = isObject(self) ? self : nobody;
    const breaker = (instance as { readonly [held]?: Breaker })[held];
    return breaker ?? hold(instance, breakerIn(privateRegistry(instance)));
  };
}

function create(registry: CircuitBreakerRegistry, definition: BreakerDefinition): Breaker {
  const { chosenName, defaultName, options, defaults } = definition;
  return chosenName === undefined
    ? registry.getOrCreateFor(definition, defaultName, options, defaults)
    : registry.getOrCreate(chosenName, options, defaults);
}

function privateRegistry(instance: object): CircuitBreakerRegistry {
  const registry = privateRegistries.get(instance) ?? new CircuitBreakerRegistry();
  privateRegistries.set(instance, registry);
  return registry;
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}
