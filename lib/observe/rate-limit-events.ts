import { Injectable, Logger } from '@nestjs/common';
import type { RateLimitEvent, RateLimitListener } from '../contracts/events.js';

/**
 * The typed stream of what the limiter does: decisions, failures of backends, outages, breakers, evictions.
 *
 * Listeners are called in the course of the request, so they should be quick; one that throws harms nobody.
 *
 * @example
 * events.on((event) => { if (event.kind === 'outage-started') page(event.backend); });
 */
@Injectable()
export class RateLimitEvents {
  private listeners: readonly RateLimitListener[] = [];
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

  /** Whether anybody listens: an event that nobody hears need not be made. @internal */
  get heard(): boolean {
    return this.listeners.length > 0;
  }

  /** @internal */
  emit(event: RateLimitEvent): void {
    for (const listener of this.listeners) {
      try {
        listener(event);
      } catch (error) {
        this.logger.error(`A listener of '${event.kind}' threw`, error instanceof Error ? error.stack : String(error));
      }
    }
  }
}
