/** @import { AggregatedResult, Config, Reporter } from '@jest/reporters' */

/**
 * Ends a run with the line `N passed, N failed`, and fails a run that skipped tests it was asked for.
 *
 * @implements {Reporter}
 */
export default class SummaryReporter {
  #selective;
  #skipped = 0;

  /** @param {Config.GlobalConfig} globalConfig */
  constructor(globalConfig) {
    this.#selective = Boolean(globalConfig.testNamePattern);
  }

  /**
   * @param {unknown} _contexts
   * @param {AggregatedResult} results
   */
  onRunComplete(_contexts, results) {
    if (!this.#selective) this.#skipped = results.numPendingTests + results.numTodoTests;
    // A file that could not run, or that left something open, has no failed test to show for it.
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites + this.#skipped;
    if (this.#skipped > 0) console.error(`Skipped tests prove nothing: ${this.#skipped} counted as failed.`);
    // At exit, since Jest's own summary comes after this.
    process.once('exit', () => {
      console.log(`${results.numPassedTests} passed, ${failed} failed`);
    });
  }

  getLastError() {
    return this.#skipped > 0 ? new Error(`${this.#skipped} tests were skipped`) : undefined;
  }
}
