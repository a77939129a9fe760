import { Injectable, Logger } from '@nestjs/common';
import type { Charge } from '../contracts/backend.js';
import type { RateLimitEvent, RateLimitListener } from '../contracts/events.js';
import { isPromise } from '../contracts/maybe-promise.js';
import { BREAKERS, DECISIONS } from './channels.js';
import { type ObservedEvent, withKeyHash } from './decision-event.js';

/** Receives an event, and the charges of its decision. @internal */
export type Observer = (event: ObservedEvent, charges: readonly Charge[]) => void;

const NONE: readonly Charge[] = [];

/**
 * The typed stream of the limiter's events: decisions, calls to backends and their failures, outages, breakers,
 * evictions.
 *
 * Listeners run during the request, so they should be fast. If a listener throws, the error is logged and has no other
 * effect.
 *
 * @example
 * events.on((event) => { if (event.kind === 'outage-started') page(event.backend); });
 */
@Injectable()
export class RateLimitEvents {
  private listeners: readonly RateLimitListener[] = [];
  private observers: readonly Observer[] = [];
  private watchers: readonly RateLimitListener[] = [];
  private readonly logger = new Logger('RateLimit');

  /**
   * Listens to every event.
   * @returns a function that stops listening
   */
  on(listener: RateLimitListener): () => void {
    const own: RateLimitListener = (event) => listener(event);
    this.listeners = [...this.listeners, own];
    return () => {
      this.listeners = this.listeners.filter((one) => one !== own);
    };
  }

  /**
   * The same for the package's own observers. They also receive the charges, which events never contain.
   * @internal
   */
  observe(observer: Observer): () => void {
    const own: Observer = (event, charges) => observer(event, charges);
    this.observers = [...this.observers, own];
    return () => {
      this.observers = this.observers.filter((one) => one !== own);
    };
  }

  /** Listens to all events except those of single calls, as long as the application lives. @internal */
  watch(listener: RateLimitListener): void {
    this.watchers = [...this.watchers, listener];
  }

  /** Whether there is a listener for single calls; otherwise these events need not be created. @internal */
  get heard(): boolean {
    return this.observers.length > 0 || this.listeners.length > 0 || DECISIONS.hasSubscribers;
  }

  /** @internal */
  emit(event: ObservedEvent, charges: readonly Charge[] = NONE): void {
    for (const observer of this.observers) this.tell(observer, event, charges);
    if (event.kind === 'decision') {
      if (this.listeners.length > 0 || DECISIONS.hasSubscribers) this.publish(withKeyHash(event, charges));
      return;
    }
    if (event.kind !== 'backend-call') for (const watcher of this.watchers) this.tell(watcher as Observer, event, NONE);
    this.publish(event);
  }

  private publish(event: RateLimitEvent): void {
    if (event.kind === 'decision') DECISIONS.publish(event);
    else if (event.kind === 'breaker-transition') BREAKERS.publish(event);
    for (const listener of this.listeners) this.tell(listener as Observer, event, NONE);
  }

  /** @param charges none for those from outside: they hold keys */
  private tell(listener: Observer, event: ObservedEvent, charges: readonly Charge[]): void {
    try {
      // An async function may stand in for one that returns nothing.
      const result: unknown = listener(event, charges);
      if (isPromise(result)) result.then(undefined, (error: unknown) => this.complain(event.kind, error));
    } catch (error) {
      this.complain(event.kind, error);
    }
  }

  private complain(kind: ObservedEvent['kind'], error: unknown): void {
    this.logger.error(`A listener of '${kind}' failed`, error instanceof Error ? error.stack : String(error));
  }
}
