import { DeadlineExceededError } from '../contracts/errors.js';
import { MAX_TIMER_MS } from '../policies/duration.js';
import { DeadlineLine, Waiter } from './deadline-line.js';

/** Most applications have one deadline or two. Others may compute one for each call. */
const MAX_IDLE = 32;

const lines = new Map<number, DeadlineLine>();

function lineOf(waitMs: number): DeadlineLine {
  const known = lines.get(waitMs);
  if (known?.isCurrent === true) return known;
  const line = new DeadlineLine(waitMs, forget);
  lines.set(waitMs, line);
  return line;
}

/** Nobody waits in a line. */
function forget(line: DeadlineLine): void {
  if (lines.size > MAX_IDLE && lines.get(line.waitMs) === line) lines.delete(line.waitMs);
}

/** A wait until a deadline, from its creation. It keeps the process alive until it ends. */
export abstract class DeadlineWait extends Waiter {
  private line: DeadlineLine | undefined;

  constructor(private readonly timeoutMs: number) {
    super();
    this.line = lineOf(Math.min(timeoutMs, MAX_TIMER_MS));
    this.line.join(this);
  }

  /** Ends the wait. Answers `false` if its deadline was before. */
  end(): boolean {
    if (this.line === undefined) return false;
    this.line.leave(this);
    this.line = undefined;
    return true;
  }

  override expire(): void {
    this.line = undefined;
    this.expired(DeadlineExceededError.of(this.timeoutMs));
  }

  protected abstract expired(error: DeadlineExceededError): void;
}

class PromiseWait extends DeadlineWait {
  constructor(
    timeoutMs: number,
    private readonly reject: (error: unknown) => void,
  ) {
    super(timeoutMs);
  }

  protected override expired(error: DeadlineExceededError): void {
    this.reject(error);
  }
}

/**
 * Waits for a promise until its deadline. Later failures are ignored.
 *
 * @param answeredLate called for an answer after the deadline
 * @throws DeadlineExceededError after the deadline
 */
export function withDeadline<T>(promise: Promise<T>, timeoutMs: number, answeredLate?: () => void): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const wait = new PromiseWait(timeoutMs, reject);
    promise.then(
      (value) => {
        if (wait.end()) resolve(value);
        else answeredLate?.();
      },
      (error: unknown) => {
        if (wait.end()) reject(error);
      },
    );
  });
}
