const TICK_MS = 10;
/** A longer pause between two ticks is a process that got no turn. */
const LONGEST_TICK_MS = 50;

/** Time in which this process ran: what a busy machine kept from it does not count. */
export class RunningClock implements Disposable {
  #ranMs = 0;
  #tickedMs = performance.now();
  readonly #ticks = setInterval(() => this.#tick(), TICK_MS).unref();

  /** Milliseconds since the clock was made. */
  now(): number {
    this.#tick();
    return this.#ranMs;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#ticks);
  }

  #tick(): void {
    const nowMs = performance.now();
    this.#ranMs += Math.min(nowMs - this.#tickedMs, LONGEST_TICK_MS);
    this.#tickedMs = nowMs;
  }
}
