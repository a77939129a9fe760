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
   * A stream gave its first value: the verdict of a probe. In a closed circuit the stream goes on as one call, whose
   * verdict is its end; a value that is a failure settles it in either.
   *
   * @returns false if the value is a failure
   */
  firstValue(value: unknown): boolean {
    if (this.circuit.isFailureResult(value)) return this.success(value);
    if (this.admission === undefined) return true;
    this.admission = this.circuit.answered(this.admission, this.startedMs);
    // How long a stream takes is how long its first value takes.
    this.startedMs = this.circuit.startOf(this.startedMs);
    return true;
  }

  private take(): Admission | undefined {
    const { admission } = this;
    this.admission = undefined;
    return admission;
  }
}
