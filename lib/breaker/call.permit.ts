import type { Permit } from '../contracts/breaker.js';
import type { Admission } from './circuit.state.js';
import type { Circuit } from './circuit.js';

/** A permit whose call may be a stream: its first value comes before its end. */
export class CallPermit implements Permit {
  constructor(
    private readonly circuit: Circuit,
    private admission: Admission | undefined,
    private startedMs: number,
  ) {}

  success(...result: [result?: unknown]): boolean {
    const admission = this.take();
    const failed = result.length > 0 && this.circuit.isFailureResult(result[0]);
    if (admission !== undefined) this.circuit.settle(admission, this.startedMs, !failed);
    return !failed;
  }

  failure(error: unknown): boolean {
    const admission = this.take();
    const failed = this.circuit.isFailure(error);
    if (admission !== undefined) this.circuit.settle(admission, this.startedMs, !failed);
    return failed;
  }

  release(): void {
    const admission = this.take();
    if (admission !== undefined) this.circuit.release(admission);
  }

  /**
   * A stream gave its first value, which decides a probe. In a closed circuit the stream continues as one call, and its
   * end decides. A value that is a failure settles the permit in both cases.
   *
   * @returns false if the value is a failure
   */
  firstValue(value: unknown): boolean {
    if (this.circuit.isFailureResult(value)) return this.success(value);
    if (this.admission === undefined) return true;
    this.admission = this.circuit.answered(this.admission, this.startedMs);
    // The duration of a stream is the time until its first value.
    this.startedMs = this.circuit.startOf(this.startedMs);
    return true;
  }

  private take(): Admission | undefined {
    const { admission } = this;
    this.admission = undefined;
    return admission;
  }
}
