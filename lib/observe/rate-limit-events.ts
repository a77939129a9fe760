import { Injectable, Logger } from '@nestjs/common';
import type { RateLimitEvent, RateLimitListener } from '../contracts/events.js';
import { isPromise } from '../contracts/maybe-promise.js';

/**
 * The typed stream of what the limiter does: decisions, failures of backends, outages, breakers, evictions.
 *
 * Listeners are called in the course of the request, so they should be quick; one that fails harms nobody.
 *
 * @example
 * events.on((event) => { if (event.kind === 'outage-started') page(event.backend); });
 */
@Injectable()
export class RateLimitEvents {
  private listeners: readonly RateLimitListener[] = [];
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

  /** Listens to all events but decisions, for as long as the application lives. @internal */
  watch(listener: RateLimitListener): void {
    this.watchers = [...this.watchers, listener];
  }

  /** Whether anybody listens to decisions: an event that nobody hears need not be made. @internal */
  get heard(): boolean {
    return this.listeners.length > 0;
  }

  /** @internal */
  emit(event: RateLimitEvent): void {
    const listeners = event.kind === 'decision' ? this.listeners : [...this.watchers, ...this.listeners];
    for (const listener of listeners) {
      try {
        // An async function may stand in for one that returns nothing.
        const result = listener(event) as unknown;
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
