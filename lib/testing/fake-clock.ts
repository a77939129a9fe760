import { type ProcessTime, replacedTime, replaceTime } from '../contracts/process-time.js';
import type { Duration } from '../contracts/policy.js';
import { parseDuration } from '../policies/duration.js';

/** A clock that stands still until a test advances it. Called, it returns its time in ms since the epoch. */
export interface FakeClock extends Disposable {
  (): number;
  /**
   * Moves the time forward. Whoever waits for a moment on the way is woken at that moment, in order.
   *
   * @param by ms, or text such as `'15m'`
   * @returns resolves when those who were woken have gone on
   */
  advance(by: Duration): Promise<void>;
  /** Gives the real time back. Close the application first. */
  restore(): void;
}

/** Options of `fakeClock()`. */
export interface FakeClockOptions {
  /** Its first time: a date, or ms since the epoch. Default: the present. */
  readonly now?: Date | number;
}

interface Timer {
  readonly dueMs: number;
  readonly callback: () => void;
}

// A test may fake it later, and then nothing would go on.
const turnOfTheLoop = setImmediate;

/**
 * Replaces the time for all of this package in this process: windows of memory backends, open circuits of backends and
 * methods, failback, overrides, leases of slots, and calls that wait (`waitFor`, `@Paced`, queues). The time of
 * everything else stays real, and so do the deadlines of calls. Make it before the application, and `restore()` it, or
 * declare it by `using`, after the application is closed.
 *
 * @throws Error if another fake clock is in use
 * @example
 * using clock = fakeClock();
 * await clock.advance('15m');
 */
export function fakeClock({ now = Date.now() }: FakeClockOptions = {}): FakeClock {
  if (replacedTime() !== undefined) throw new Error('A fake clock is in use already. Call its restore() first.');
  const time = new FakeTime(Number(now), Math.ceil(performance.now()));
  replaceTime(time);
  const restore = (): void => {
    if (replacedTime() === time) replaceTime(undefined);
  };
  return Object.assign(() => time.wallMs(), {
    advance: (by: Duration) => time.advance(parseDuration('advance', by)),
    restore,
    [Symbol.dispose]: restore,
  });
}

class FakeTime implements ProcessTime {
  private readonly timers = new Set<Timer>();
  private passedMs = 0;

  constructor(
    private readonly startMs: number,
    private readonly monotonicStartMs: number,
  ) {}

  monotonicMs(): number {
    return this.monotonicStartMs + this.passedMs;
  }

  wallMs(): number {
    return this.startMs + this.passedMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = { dueMs: this.passedMs + Math.max(0, delayMs), callback };
    this.timers.add(timer);
    return () => void this.timers.delete(timer);
  }

  async advance(ms: number): Promise<void> {
    const endMs = this.passedMs + ms;
    for (let timer = this.nextUntil(endMs); timer !== undefined; timer = this.nextUntil(endMs)) {
      this.passedMs = Math.max(this.passedMs, timer.dueMs);
      this.timers.delete(timer);
      timer.callback();
      await new Promise<void>((resolve) => turnOfTheLoop(() => resolve()));
    }
    this.passedMs = Math.max(this.passedMs, endMs);
  }

  /** The timer that is due first, if it is due by then. */
  private nextUntil(endMs: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.timers) {
      if (timer.dueMs <= endMs && (next === undefined || timer.dueMs < next.dueMs)) next = timer;
    }
    return next;
  }
}
