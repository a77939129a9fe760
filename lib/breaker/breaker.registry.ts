import { Injectable } from '@nestjs/common';
import type { BreakerTransitionListener, CircuitBreakerStatus } from '../contracts/breaker.js';
import { RateLimitConfigurationError } from '../contracts/errors.js';
import { Breaker } from './breaker.js';
import { type BreakerSettings, type BreakerTuning, sameSettings, toSettings } from './breaker.options.js';
import { NOBODY, notify } from './transition.listeners.js';

/**
 * The circuit breakers of one application, by name: those of `@CircuitBreaker` methods (`Class.method` unless named)
 * and those around backends (`backend:<name>`). Two applications in one process share nothing.
 */
@Injectable()
export class CircuitBreakerRegistry {
  private readonly breakers = new Map<string, Breaker>();
  /** Options that came by `configure`: they outlive the definitions that come after them. */
  private readonly overrides = new Map<string, BreakerTuning>();
  /** Who was given a name that nobody chose. */
  private readonly owners = new Map<string, object>();
  /** With which options a shared breaker was defined, whatever `configure` made of them. */
  private readonly definitions = new Map<string, BreakerSettings>();
  private listeners = NOBODY;

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
   * Changes options of a breaker and keeps its state (see `Breaker#configure`). A breaker that does not exist yet, such
   * as that of a request-scoped class before its first request, gets them when it is made.
   *
   * @throws RateLimitConfigurationError for an option that is unknown or out of range
   */
  configure(name: string, options: BreakerTuning): void {
    toSettings(options);
    this.breakers.get(name)?.configure(options);
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
    const breaker = known ?? this.adopt(name, new Breaker({ ...defaults, ...options, name }));
    if (options !== undefined) this.define(breaker, { ...defaults, ...options }, known !== undefined);
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
    let free = name;
    for (let count = 2; (this.owners.get(free) ?? owner) !== owner; count += 1) free = `${name}#${count}`;
    this.owners.set(free, owner);
    return this.getOrCreate(free, options, defaults);
  }

  /**
   * Lists a breaker that was made elsewhere.
   *
   * @throws RateLimitConfigurationError when the name is taken
   * @internal
   */
  adopt(name: string, breaker: Breaker): Breaker {
    if (this.breakers.has(name)) {
      throw new RateLimitConfigurationError('circuitBreaker.name', name, 'Give every breaker a name of its own.');
    }
    this.breakers.set(name, breaker);
    this.override(name, breaker);
    breaker.onTransition(this.forward);
    return breaker;
  }

  private define(breaker: Breaker, options: BreakerTuning, existed: boolean): void {
    const { name } = breaker;
    const settings = toSettings(options);
    const defined = this.definitions.get(name);
    if (defined !== undefined && !sameSettings(defined, settings)) {
      throw new RateLimitConfigurationError(
        `circuitBreaker '${name}'`,
        options,
        'It is defined elsewhere with other options: give them once, and only the name in the other places.',
      );
    }
    this.definitions.set(name, settings);
    if (!existed || defined !== undefined) return;
    breaker.configure(options);
    this.override(name, breaker);
  }

  private override(name: string, breaker: Breaker): void {
    const options = this.overrides.get(name);
    if (options !== undefined) breaker.configure(options);
  }

  private readonly forward: BreakerTransitionListener = (transition) => notify(this.listeners, transition);
}
