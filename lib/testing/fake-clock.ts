import { type ProcessTime, replacedTime, replaceTime } from '../contracts/process-time.js';
import type { Duration } from '../contracts/policy.js';
import { parseDuration } from '../policies/duration.js';

/** A clock that does not move until a test advances it. Calling it returns its time in ms since the epoch. */
export interface FakeClock extends Disposable {
  (): number;
  /**
   * Advances the time. Timers that become due on the way run at their time, in order.
   *
   * @param by ms, or text such as `'15m'`
   * @returns resolves when the calls that became due have continued
   */
  advance(by: Duration): Promise<void>;
  /** Restores the real time. Close the application first. */
  restore(): void;
}

/** Options of `fakeClock()`. */
export interface FakeClockOptions {
  /** The start time: a date, or ms since the epoch. Default: now. */
  readonly now?: Date | number;
}

interface Timer {
  readonly dueMs: number;
  readonly callback: () => void;
}

// A test may fake it later, and then nothing would go on.
const turnOfTheLoop = setImmediate;

/**
 * Replaces the time of this package in this process: windows of memory backends, open circuits of backends and methods,
 * failback, overrides, leases of slots, and waiting calls (`waitFor`, `@Paced`, queues). Everything else keeps the real
 * time, including the deadlines of calls. Create it before the application, and call `restore()` after you close the
 * application, or declare it with `using`.
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
