/** How often in a row nothing must have been heard. */
const SILENT_CHECKS = 2;

/** A check that is later than this, in ms, says that the process itself did not run. */
const LATE_MS = 100;

/**
 * Finds out that a connection is dead without saying so: it leaves what was sent without an answer.
 *
 * One timer at a time, which keeps no process alive. Time in which the process itself did not run does not count: a
 * process that was suspended reads what has come meanwhile before it judges.
 */
export class SilenceWatch {
  private pending = 0;
  private silentChecks = 0;
  private timer: NodeJS.Timeout | undefined;
  private readonly intervalMs: number;

  /**
   * @param patienceMs silence after which a connection is given up; it is noticed up to half as much later
   * @param giveUp ends the connection
   */
  constructor(
    patienceMs: number,
    private readonly giveUp: () => void,
  ) {
    this.intervalMs = patienceMs / SILENT_CHECKS;
  }

  /** Something was sent that has an answer. */
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
