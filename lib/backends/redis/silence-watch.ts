/** Number of checks in a row without an answer. */
const SILENT_CHECKS = 2;

/** If a check is later than this, in ms, the process itself did not run. */
const LATE_MS = 100;

/**
 * Detects a dead connection that does not report an error: commands get no answer.
 *
 * It has one timer at a time, which does not keep the process alive. Time in which the process itself did not run does
 * not count: after a suspension, the process first reads the answers that have arrived.
 */
export class SilenceWatch {
  private pending = 0;
  private silentChecks = 0;
  private timer: NodeJS.Timeout | undefined;
  private readonly intervalMs: number;

  /**
   * @param patienceMs silence after which a connection is closed; noticed up to half as much later
   * @param giveUp closes the connection
   */
  constructor(
    patienceMs: number,
    private readonly giveUp: () => void,
  ) {
    this.intervalMs = patienceMs / SILENT_CHECKS;
  }

  /** A command with an answer was sent. */
  sent(): void {
    this.pending += 1;
    if (this.timer === undefined) this.begin();
  }

  /** Its answer came, or it failed. */
  readonly answered = (): void => {
    this.pending -= 1;
    this.silentChecks = 0;
  };

  private begin(): void {
    const dueMs = performance.now() + this.intervalMs;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      if (this.pending > 0) this.check(performance.now() - dueMs);
    }, this.intervalMs).unref();
  }

  private check(lateMs: number): void {
    this.silentChecks = lateMs > LATE_MS ? 0 : this.silentChecks + 1;
    if (this.silentChecks <= SILENT_CHECKS) return this.begin();
    this.silentChecks = 0;
    this.giveUp();
  }
}
