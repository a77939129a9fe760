import { Injectable } from '@nestjs/common';
import type { BreakerTransitionListener, CircuitBreakerStatus } from '../contracts/breaker.js';
import { RateLimitConfigurationError } from '../contracts/errors.js';
import { Breaker } from './breaker.js';
import { type BreakerSettings, type BreakerTuning, sameSettings, toSettings } from './breaker.options.js';
import { KeyedBreakers } from './keyed-breakers.js';
import { NOBODY, notify } from './transition.listeners.js';

/**
 * Injection token of the application's registry. It is the same in every copy of this package, so a method that another
 * copy decorated has its breaker in the same registry.
 *
 * @internal
 */
export const BREAKER_REGISTRY = Symbol.for('nestjs-floodgate:breaker-registry');

/** The request of a decorated method for a breaker. */
export interface BreakerDefinition {
  readonly name: string;
  /** The owner of a default name, by identity; `undefined`: the name was chosen, and is shared. */
  readonly owner?: object | undefined;
  /** `undefined`: none were given. */
  readonly options?: BreakerTuning | undefined;
  /** Defaults, which need not be the same for all users of a name. */
  readonly defaults?: BreakerTuning | undefined;
}

/** Receives each breaker of the registry. */
export interface BreakerCensus {
  listed(breaker: Breaker): void;
  dropped(breaker: Breaker): void;
}

/**
 * The circuit breakers of one application, by name: those of `@CircuitBreaker` methods (`Class.method` by default,
 * `Class.method[key]` with a `key`), those around backends (`backend:<name>`), and those of `create`. Two applications
 * in one process share nothing.
 */
@Injectable()
export class CircuitBreakerRegistry {
  private readonly breakers = new Map<string, Breaker>();
  /** Breakers of methods with a `key`, by the name without the key. */
  private readonly keyed = new Map<string, KeyedBreakers>();
  /** Options of `configure`. They apply to definitions that come later, too. */
  private readonly overrides = new Map<string, BreakerTuning>();
  /** The owner of each name that is not shared. */
  private readonly owners = new Map<string, object>();
  /** The options of each definition of a shared breaker, without those of `configure`. */
  private readonly definitions = new Map<string, BreakerSettings>();
  private readonly endings = new WeakMap<Breaker, () => void>();
  private listeners = NOBODY;
  private census: BreakerCensus | undefined;

  /** The breaker with this name; `undefined` if it does not exist (yet). */
  get(name: string): Breaker | undefined {
    return this.breakers.get(name);
  }

  /** The status of every breaker, by name. Reading it changes nothing. */
  getAllStatus(): Record<string, CircuitBreakerStatus> {
    return Object.fromEntries([...this.breakers].map(([name, breaker]) => [name, breaker.status()]));
  }

  /** Resets every breaker: closed, and open periods start again. */
  resetAll(): void {
    for (const breaker of this.breakers.values()) breaker.reset();
  }

  /**
   * Creates a breaker in the registry, for calls without a method, such as one for each partner in a loop. Methods with
   * `@CircuitBreaker(name)` share it.
   *
   * @param options all have defaults; as for `new Breaker`, every error is a failure
   * @throws RateLimitConfigurationError for a name that is taken, or an option that is unknown or out of range
   */
  create(name: string, options: BreakerTuning = {}): Breaker {
    if (typeof name !== 'string' || name === '') {
      throw new RateLimitConfigurationError('circuitBreaker.name', name, 'Give a name that is not empty.');
    }
    if (this.definitions.has(name) || this.owners.has(name)) throw taken(name);
    return this.getOrCreate(name, options);
  }

  /**
   * Changes options of a breaker and keeps its state (see `Breaker#configure`). If the breaker does not exist yet, such
   * as that of a request-scoped class before its first request, it gets the options later. The name of a method with a
   * `key` means all of its breakers.
   *
   * @throws RateLimitConfigurationError for an option that is unknown or out of range
   */
  configure(name: string, options: BreakerTuning): void {
    toSettings(options);
    this.breakers.get(name)?.configure(options);
    for (const breaker of this.keyed.get(name) ?? []) breaker.configure(options);
    this.overrides.set(name, { ...this.overrides.get(name), ...options });
  }

  /**
   * Calls the listener for every transition of every breaker, including later ones. Returns a function that removes it.
   */
  onTransition(listener: BreakerTransitionListener): () => void {
    const heard: BreakerTransitionListener = (transition) => listener(transition);
    this.listeners = [...this.listeners, heard];
    return () => {
      this.listeners = this.listeners.filter((other) => other !== heard);
    };
  }

  /**
   * The breaker that all users of this name share. The first user with options decides; a user without options takes
   * the existing ones.
   *
   * @param defaults options that apply unless given, and need not be the same
   * @throws RateLimitConfigurationError if two users give different options
   * @internal
   */
  getOrCreate(name: string, options?: BreakerTuning, defaults?: BreakerTuning): Breaker {
    const known = this.breakers.get(name);
    const first = options !== undefined && this.define(name, options);
    const breaker = known ?? this.list(name, new Breaker({ ...defaults, ...options, name }));
    if (known !== undefined && first) {
      breaker.configure({ ...defaults, ...options });
      this.override(name, breaker);
    }
    return breaker;
  }

  /**
   * The breaker of one method without a given name. Another class with the same name gets `Class.method#2`, so two
   * methods never share a breaker by accident.
   *
   * @param owner the owner of the breaker, by identity
   * @internal
   */
  getOrCreateFor(owner: object, name: string, options?: BreakerTuning, defaults?: BreakerTuning): Breaker {
    return this.getOrCreate(this.nameFor(owner, name), options, defaults);
  }

  /**
   * The breakers of one method with a `key`, named `name[key]`.
   *
   * @param max maximum number of breakers; the first user of a name decides
   * @throws RateLimitConfigurationError if two users give different options
   * @internal
   */
  getOrCreateKeyed({ owner, name, options, defaults }: BreakerDefinition, max: number): KeyedBreakers {
    const family = owner === undefined ? name : this.nameFor(owner, name);
    if (options !== undefined) this.define(family, options);
    const known = this.keyed.get(family);
    if (known !== undefined) return known;
    const made = new KeyedBreakers(max, {
      add: (key) => {
        const given = { ...defaults, ...options, ...this.overrides.get(family) };
        return this.getOrCreate(`${family}[${key}]`, undefined, given);
      },
      remove: (breaker) => this.unlist(breaker),
    });
    this.keyed.set(family, made);
    return made;
  }

  /**
   * Adds an existing breaker.
   *
   * @throws RateLimitConfigurationError if the name is taken
   * @internal
   */
  adopt(name: string, breaker: Breaker): Breaker {
    if (this.breakers.has(name)) throw taken(name);
    this.owners.set(name, breaker);
    return this.list(name, breaker);
  }

  /**
   * Reports every breaker, now and later, and each that is removed. There is one observer at a time; `undefined`
   * removes it.
   *
   * @internal
   */
  count(census: BreakerCensus | undefined): void {
    this.census = census;
    for (const breaker of this.breakers.values()) census?.listed(breaker);
  }

  private list(name: string, breaker: Breaker): Breaker {
    this.breakers.set(name, breaker);
    this.override(name, breaker);
    this.endings.set(breaker, breaker.onTransition(this.forward));
    this.census?.listed(breaker);
    return breaker;
  }

  private unlist(breaker: Breaker): void {
    this.breakers.delete(breaker.name);
    this.endings.get(breaker)?.();
    this.census?.dropped(breaker);
  }

  private nameFor(owner: object, name: string): string {
    let free = name;
    for (let count = 2; (this.owners.get(free) ?? owner) !== owner; count += 1) free = `${name}#${count}`;
    this.owners.set(free, owner);
    return free;
  }

  /** Whether these options are the first for a name; later ones must be the same. */
  private define(name: string, options: BreakerTuning): boolean {
    const settings = toSettings(options);
    const defined = this.definitions.get(name);
    if (defined === undefined) {
      this.definitions.set(name, settings);
      return true;
    }
    if (sameSettings(defined, settings)) return false;
    throw new RateLimitConfigurationError(
      `circuitBreaker '${name}'`,
      options,
      'It is defined elsewhere with other options: give them once, and only the name in the other places.',
    );
  }

  private override(name: string, breaker: Breaker): void {
    const options = this.overrides.get(name);
    if (options !== undefined) breaker.configure(options);
  }

  private readonly forward: BreakerTransitionListener = (transition) => notify(this.listeners, transition);
}

function taken(name: string): RateLimitConfigurationError {
  return new RateLimitConfigurationError('circuitBreaker.name', name, 'Give every breaker a name of its own.');
}
