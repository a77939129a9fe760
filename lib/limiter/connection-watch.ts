import type { Breaker } from '../breaker/breaker.js';
import type { Backend } from '../contracts/backend.js';

/**
 * What an open circuit makes of the connection of its backend: without one a probe is sure to fail, and costs another
 * open period; on a new one the next probe need not wait.
 */
export class ConnectionWatch {
  /** Whether it has been seen without a connection, since it last answered or was found to be connected again. */
  private cutOff = false;

  constructor(private readonly backend: Backend) {}

  /** Whether a probe makes sense. A backend that connects only when it is asked is asked now and then all the same. */
  mayBeAsked(open: Breaker): boolean {
    this.look(open);
    return !this.cutOff || open.isOverdue();
  }

  /**
   * Remembers a connection that is lost; on a new one, hastens the next probe.
   *
   * @param open the breaker, if its circuit is open. Not before: the failures that open it may be heard one by one, some
   * of them on the new connection.
   */
  look(open: Breaker | null): void {
    if (!this.isConnected()) {
      this.cutOff = true;
    } else if (this.cutOff && open !== null) {
      this.cutOff = false;
      open.hasten();
    }
  }

  /** The backend answered. */
  forget(): void {
    this.cutOff = false;
  }

  private isConnected(): boolean {
    try {
      return this.backend.isConnected?.() !== false;
    } catch {
      // Who cannot tell counts as connected: the caller is to hear of the call, not of this.
      return true;
    }
  }
}
