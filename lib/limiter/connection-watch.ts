import type { Breaker } from '../breaker/breaker.js';
import type { Backend } from '../contracts/backend.js';

/**
 * Connects an open circuit with the connection of its backend: without a connection a probe would fail and cost another
 * open period; with a new one the next probe need not wait.
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
   * A connection was made. Calls that fail later may still belong to the previous connection.
   *
   * @param open the breaker, if its circuit is open
   */
  connected(open: Breaker | null): void {
    this.changed = true;
    this.look(open);
  }

  /**
   * Remembers a lost connection; with a new one, makes the next probe due.
   *
   * @param open the breaker, if its circuit is open; not before, because the failures that open it may arrive one by
   * one, some of them on the new connection
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
