import { Injectable } from '@nestjs/common';
import type { BreakerTransitionListener, CircuitBreakerStatus } from '../contracts/breaker.js';
import { RateLimitConfigurationError } from '../contracts/errors.js';
import { Breaker } from './breaker.js';
import { type BreakerSettings, type BreakerTuning, sameSettings, toSettings } from './breaker.options.js';
import { KeyedBreakers } from './keyed-breakers.js';
import { NOBODY, notify } from './transition.listeners.js';

/**
 * Token of the application's registry, the same in every copy of this package: a method that another copy decorated has
 * its breaker in the same registry.
 *
 * @internal
 */
export const BREAKER_REGISTRY = Symbol.for('nestjs-floodgate:breaker-registry');

/** What decorated methods ask for. */
export interface BreakerDefinition {
  readonly name: string;
  /** Whom a name belongs to that nobody chose, by identity; `undefined`: it was chosen, and is shared. */
  readonly owner?: object | undefined;
  /** `undefined`: none were given. */
  readonly options?: BreakerTuning | undefined;
  /** Options that hold unless given, and about which nobody can disagree. */
  readonly defaults?: BreakerTuning | undefined;
}

/** Hears which breakers there are. */
export interface BreakerCensus {
  listed(breaker: Breaker): void;
  dropped(breaker: Breaker): void;
}

/**
 * The circuit breakers of one application, by name: those of `@CircuitBreaker` methods (`Class.method` unless named,
 * `Class.method[key]` where there is one for each key), those around backends (`backend:<name>`), and those that
 * `create` made. Two applications in one process share nothing.
 */
@Injectable()
export class CircuitBreakerRegistry {
  private readonly breakers = new Map<string, Breaker>();
  /** Breakers of methods that have one for each key, by the name without a key. */
  private readonly keyed = new Map<string, KeyedBreakers>();
  /** Options that came by `configure`: they outlive the definitions that come after them. */
  private readonly overrides = new Map<string, BreakerTuning>();
  /** To whom a name belongs that is not to be shared. */
  private readonly owners = new Map<string, object>();
  /** With which options a shared breaker was defined, whatever `configure` made of them. */
  private readonly definitions = new Map<string, BreakerSettings>();
  private readonly endings = new WeakMap<Breaker, () => void>();
  private listeners = NOBODY;
  private census: BreakerCensus | undefined;

  /** The breaker of this name, `undefined` if there is none (yet). */
  get(name: string): Breaker | undefined {
    return this.breakers.get(name);
  }

  /** Status of every breaker, by name. Reading it changes nothing. */
  getAllStatus(): Record<string, CircuitBreakerStatus> {
    return Object.fromEntries([...this.breakers].map(([name, breaker]) => [name, breaker.status()]));
  }

  /** Resets every breaker: closed, with its backoff started over. */
  resetAll(): void {
    for (const breaker of this.breakers.values()) breaker.reset();
  }

  /**
   * Makes a breaker and lists it: for calls that are no method, such as one for each partner in a loop over partners.
   * Methods with `@CircuitBreaker(name)` share it.
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
   * Changes options of a breaker and keeps its state (see `Breaker#configure`). A breaker that does not exist yet, such
   * as that of a request-scoped class before its first request, gets them when it is made. The name of a method with a
   * breaker for each key stands for all of them.
   *
   * @throws RateLimitConfigurationError for an option that is unknown or out of range
   */
  configure(name: string, options: BreakerTuning): void {
    toSettings(options);
    this.breakers.get(name)?.configure(options);
    for (const breaker of this.keyed.get(name) ?? []) breaker.configure(options);
    this.overrides.set(name, { ...this.overrides.get(name), ...options });
  }

  /** Hears of every transition of every breaker, present and future. Answers the function that ends it. */
  onTransition(listener: BreakerTransitionListener): () => void {
    const heard: BreakerTransitionListener = (transition) => listener(transition);
    this.listeners = [...this.listeners, heard];
    return () => {
      this.listeners = this.listeners.filter((other) => other !== heard);
    };
  }

  /**
   * The breaker that is shared by all who give this name on purpose. The first who gives options decides; who gives
   * none takes what is there.
   *
   * @param defaults options that hold unless given, and about which nobody can disagree
   * @throws RateLimitConfigurationError when two give different options to one name
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
   * The breaker of one method that was given no name. Another class of the same name gets `Class.method#2`, so that no
   * two methods share a breaker by accident.
   *
   * @param owner what the breaker belongs to, by identity
   * @internal
   */
  getOrCreateFor(owner: object, name: string, options?: BreakerTuning, defaults?: BreakerTuning): Breaker {
    return this.getOrCreate(this.nameFor(owner, name), options, defaults);
  }

  /**
   * The breakers of one method that has one for each key, named `name[key]`.
   *
   * @param max how many there are at most; the first who shares a name decides
   * @throws RateLimitConfigurationError when two give different options to one name
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
   * Lists a breaker that was made elsewhere.
   *
   * @throws RateLimitConfigurationError when the name is taken
   * @internal
   */
  adopt(name: string, breaker: Breaker): Breaker {
    if (this.breakers.has(name)) throw taken(name);
    this.owners.set(name, breaker);
    return this.list(name, breaker);
  }

  /**
   * Tells of every breaker that is listed, now and later, and of each that is dropped. One at a time; `undefined` ends it.
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

  /** Whether these options are the first for a name; what comes later has to agree. */
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
