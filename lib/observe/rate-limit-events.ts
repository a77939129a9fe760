import { Injectable, Logger } from '@nestjs/common';
import type { Charge } from '../contracts/backend.js';
import type { RateLimitEvent, RateLimitListener } from '../contracts/events.js';
import { isPromise } from '../contracts/maybe-promise.js';
import { BREAKERS, DECISIONS } from './channels.js';

/** Hears an event, and what was charged by the decision that it tells of. @internal */
export type ChargeListener = (event: RateLimitEvent, charges: readonly Charge[]) => void;

const NONE: readonly Charge[] = [];

/**
 * The typed stream of what the limiter does: decisions, calls to backends and their failures, outages, breakers,
 * evictions.
 *
 * Listeners are called in the course of the request, so they should be quick; one that fails harms nobody.
 *
 * @example
 * events.on((event) => { if (event.kind === 'outage-started') page(event.backend); });
 */
@Injectable()
export class RateLimitEvents {
  private listeners: readonly ChargeListener[] = [];
  private watchers: readonly RateLimitListener[] = [];
  private readonly logger = new Logger('RateLimit');

  /**
   * Listens to every event.
   * @returns a function that stops listening
   */
  on(listener: RateLimitListener): () => void {
    return this.onCharges((event) => listener(event));
  }

  /**
   * The same, for what must know the keys: events never carry them.
   * @internal
   */
  onCharges(listener: ChargeListener): () => void {
    const own: ChargeListener = (event, charges) => listener(event, charges);
    this.listeners = [...this.listeners, own];
    return () => {
      this.listeners = this.listeners.filter((one) => one !== own);
    };
  }

  /** Listens to all events but those of single calls, for as long as the application lives. @internal */
  watch(listener: RateLimitListener): void {
    this.watchers = [...this.watchers, listener];
  }

  /** Whether anybody listens to single calls: an event that nobody hears need not be made. @internal */
  get heard(): boolean {
    return this.listeners.length > 0 || DECISIONS.hasSubscribers;
  }

  /** @internal */
  emit(event: RateLimitEvent, charges: readonly Charge[] = NONE): void {
    if (event.kind === 'decision') DECISIONS.publish(event);
    else if (event.kind === 'breaker-transition') BREAKERS.publish(event);
    const ofOneCall = event.kind === 'decision' || event.kind === 'backend-call';
    const listeners = ofOneCall ? this.listeners : [...this.watchers, ...this.listeners];
    for (const listener of listeners) {
      try {
        // An async function may stand in for one that returns nothing.
        const result = listener(event, charges) as unknown;
        if (isPromise(result)) result.then(undefined, (error: unknown) => this.complain(event, error));
      } catch (error) {
        this.complain(event, error);
      }
    }
  }

  private complain({ kind }: RateLimitEvent, error: unknown): void {
    this.logger.error(`A listener of '${kind}' failed`, error instanceof Error ? error.stack : String(error));
  }
}
