/** If a timer fires later than this, in ms, the process itself did not run: it was suspended, starved or blocked. */
const LATE_MS = 20;

/** One that waits in a line. */
export abstract class Waiter {
  dueMs = 0;
  /** Whether it got the time once more in which the process did not run. */
  isExtended = false;
  older: Waiter | undefined = undefined;
  newer: Waiter | undefined = undefined;

  /** Its time is over. */
  abstract expire(): void;
}

/**
 * Those that wait for the same time. They end in order of arrival, so one timer is enough for all of them.
 *
 * Time in which the process itself did not run does not count as a delay: all who wait then get that time once more, by
 * up to the time of a wait. Each gets it once.
 */
export class DeadlineLine {
  private readonly schedule = setTimeout;
  private readonly cancel = clearTimeout;
  private first: Waiter | undefined;
  private last: Waiter | undefined;
  private timer: NodeJS.Timeout | undefined;
  private timerDueMs = 0;
  private isExpiring = false;

  /**
   * @param waitMs at most what a timer can wait
   * @param whenEmpty called when nobody waits
   */
  constructor(
    readonly waitMs: number,
    private readonly whenEmpty: (line: DeadlineLine) => void,
  ) {}

  /** Whether timers are still those that it was made with: a test may replace them by fake ones. */
  get isCurrent(): boolean {
    return this.schedule === setTimeout;
  }

  join(waiter: Waiter): void {
    waiter.dueMs = performance.now() + this.waitMs;
    waiter.older = this.last;
    if (this.last === undefined) this.first = waiter;
    else this.last.newer = waiter;
    this.last = waiter;
    if (this.timer === undefined && !this.isExpiring) this.arm(this.waitMs);
  }

  leave(waiter: Waiter): void {
    const { older, newer } = waiter;
    // One that the garbage collector holds for old would keep the younger ones alive, and these the next.
    waiter.older = waiter.newer = undefined;
    if (older === undefined) this.first = newer;
    else older.newer = newer;
    if (newer === undefined) this.last = older;
    else newer.older = older;
    if (this.first !== undefined) return;
    this.cancel(this.timer);
    this.timer = undefined;
    this.whenEmpty(this);
  }

  private arm(delayMs: number): void {
    this.timerDueMs = performance.now() + delayMs;
    this.timer = this.schedule(() => {
      this.timer = undefined;
      this.look();
    }, delayMs);
  }

  private look(): void {
    // Timers may be ahead of the clock: by a part of a millisecond, or because a test replaced them alone.
    const nowMs = Math.max(performance.now(), this.timerDueMs);
    const lateMs = nowMs - this.timerDueMs;
    if (lateMs > LATE_MS) this.extend(nowMs + Math.min(lateMs, this.waitMs));
    this.awaitFirst(nowMs);
  }

  private awaitFirst(nowMs: number): void {
    if (this.first === undefined) return;
    const leftMs = this.first.dueMs - nowMs;
    if (leftMs > 0) return this.arm(leftMs);
    // In a turn of the event loop, timers run before sockets: let an answer in a socket run first.
    this.isExpiring = true;
    setImmediate(() => {
      this.isExpiring = false;
      this.expire(nowMs);
    });
  }

  private extend(dueMs: number): void {
    for (let waiter = this.first; waiter !== undefined; waiter = waiter.newer) {
      if (waiter.isExtended || waiter.dueMs >= dueMs) continue;
      waiter.dueMs = dueMs;
      waiter.isExtended = true;
    }
  }

  private expire(nowMs: number): void {
    while (this.first !== undefined && this.first.dueMs <= nowMs) {
      const { first } = this;
      this.leave(first);
      first.expire();
    }
    this.awaitFirst(performance.now());
  }
}
