import type { Breaker } from '../breaker/breaker.js';
import type { Backend } from '../contracts/backend.js';

/**
 * What an open circuit makes of the connection of its backend: without one a probe is sure to fail, and costs another
 * open period; on a new one the next probe need not wait.
 */
export class ConnectionWatch {
  /** Whether a connection was lost, or made again, since the backend last answered. */
  private changed = false;

  constructor(private readonly backend: Backend) {}

  /** Whether a probe makes sense. A backend that connects only on demand still gets a probe now and then. */
  mayBeAsked(open: Breaker): boolean {
    this.look(open);
    return !this.changed || open.isOverdue();
  }

  /**
   * A connection was made: calls that fail after this may still be of the connection before.
   *
   * @param open the breaker, if its circuit is open
   */
  connected(open: Breaker | null): void {
    this.changed = true;
    this.look(open);
  }

  /**
   * Remembers a connection that is lost; on a new one, hastens the next probe.
   *
   * @param open the breaker, if its circuit is open. Not before: the failures that open it may be heard one by one, some
   * of them on the new connection.
   */
  look(open: Breaker | null): void {
    if (!this.isConnected()) {
      this.changed = true;
    } else if (this.changed && open !== null) {
      this.changed = false;
      open.hasten();
    }
  }

  /** The backend answered. */
  forget(): void {
    this.changed = false;
  }

  private isConnected(): boolean {
    try {
      return this.backend.isConnected?.() !== false;
    } catch {
      // If it throws, it counts as connected, so that the caller gets the error of the call instead.
      return true;
    }
  }
}
