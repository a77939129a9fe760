/**
 * What node-redis needs of an `AbortSignal`: each command that waits to be sent listens to it. One of Node's looks
 * through all listeners to add or remove one, which a thousand callers at a time would feel.
 */
export class UnsentCommands {
  aborted = false;
  private readonly listeners = new Set<() => void>();

  addEventListener(_type: 'abort', listener: () => void): void {
    this.listeners.add(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    this.listeners.delete(listener);
  }

  /** Drops them all. */
  abort(): void {
    this.aborted = true;
    const dropped = [...this.listeners];
    this.listeners.clear();
    dropped.forEach((drop) => drop());
  }
}
