/** Maximum wait of a command before it is sent, in ms. A command that waits longer is dropped, up to as much later. */
const PATIENCE_MS = 5_000;

/**
 * Commands of node-redis that wait to be sent. The class implements the part of `AbortSignal` that node-redis uses,
 * with one timer for all commands.
 *
 * A Node signal searches all listeners to add or remove one, which is slow with a thousand callers. A timer for each
 * command would be slow, too.
 */
export class UnsentCommands {
  aborted = false;
  private recent = new Set<() => void>();
  /** The commands that already waited when the timer was set. */
  private older = new Set<() => void>();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly patienceMs = PATIENCE_MS) {}

  addEventListener(_type: 'abort', listener: () => void): void {
    this.recent.add(listener);
    this.timer ??= this.nextCheck();
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    if (!this.recent.delete(listener)) this.older.delete(listener);
  }

  /** Drops them all. */
  abort(): void {
    this.aborted = true;
    clearTimeout(this.timer);
    drop(this.older);
    drop(this.recent);
  }

  private nextCheck(): NodeJS.Timeout {
    return setTimeout(() => {
      const late = this.older;
      this.older = this.recent;
      this.recent = new Set();
      this.timer = this.older.size > 0 ? this.nextCheck() : undefined;
      drop(late);
    }, this.patienceMs).unref();
  }
}

function drop(listeners: Set<() => void>): void {
  const dropped = [...listeners];
  listeners.clear();
  dropped.forEach((tell) => tell());
}
