import { FailureResultError } from '../contracts/errors.js';
import type { CallPermit } from './call.permit.js';
import { callWithin } from './call.deadline.js';
import { beginRun, type GuardedStream } from './guarded-call.js';
import { isAsyncIterable, isIterator } from './result.shape.js';

type Step = IteratorResult<unknown, unknown>;
type Source = AsyncIterator<unknown, unknown, unknown>;

/**
 * One iteration behind a breaker: one call, which starts with the first `next()`. Its first value decides a probe. In a
 * closed circuit its end is a success, and so is stopping after a value (as `break` does). An error at any time is a
 * failure. Stopping before the first value does not count. A fallback continues where it fails.
 */
export class GuardedIteration implements AsyncIterableIterator<unknown, unknown, unknown> {
  private iterator: Source | undefined;
  private permit: CallPermit | undefined;
  private answered = false;
  private over = false;
  private fellBack = false;

  constructor(private readonly stream: GuardedStream<Source>) {}

  async next(...sent: [] | [unknown]): Promise<Step> {
    if (this.over) return { done: true, value: undefined };
    if (this.iterator === undefined) {
      this.permit = beginRun(this.stream);
      if (this.permit === undefined) return this.recovered(this.stream.call.breaker.rejection(), true);
      try {
        this.iterator = this.stream.open();
      } catch (error) {
        return this.recovered(error, this.permit.failure(error));
      }
    }
    const { iterator } = this;
    return this.step(iterator, () => this.bounded(() => iterator.next(...sent)));
  }

  async return(value?: unknown): Promise<Step> {
    const { iterator } = this;
    this.leave();
    return (await iterator?.return?.(value)) ?? { done: true, value };
  }

  async throw(error?: unknown): Promise<Step> {
    const { iterator } = this;
    if (iterator?.throw === undefined) {
      await this.return();
      throw error;
    }
    return this.step(iterator, async () => iterator.throw?.(error) as Promise<Step>, error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  /** @param thrown an error that the consumer threw into the iteration; if it comes out again, it is not a failure */
  private async step(iterator: Source, ask: () => Promise<Step>, ...thrown: [] | [unknown]): Promise<Step> {
    let result: Step;
    // Another step may fail during this wait. Then the fallback has taken over.
    try {
      result = await ask();
    } catch (error) {
      if (iterator !== this.iterator) return this.next();
      if (thrown.length > 0 && error === thrown[0]) {
        this.leave();
        throw error;
      }
      this.abandon(iterator);
      return this.recovered(error, this.permit?.failure(error) === true);
    }
    if (iterator !== this.iterator) return this.next();
    if (result.done === true) this.permit?.success();
    else if (!this.isGood(result.value)) {
      this.abandon(iterator);
      return this.recovered(FailureResultError.of(result.value), true);
    }
    return result;
  }

  /** False for a first value that is a failure, if a fallback replaces it. */
  private isGood(value: unknown): boolean {
    if (this.answered) return true;
    this.answered = true;
    return this.permit?.firstValue(value) !== false || this.stream.recovery === undefined;
  }

  /** Only the wait for the first value has a deadline. */
  private bounded(ask: () => Promise<Step>): Promise<Step> {
    const timeoutMs = this.answered ? 0 : this.stream.call.breaker.callTimeoutMs;
    return timeoutMs > 0 ? callWithin(ask, { timeoutMs }) : ask();
  }

  private leave(): void {
    if (this.iterator === undefined) {
      this.over = true;
      this.stream.permit?.release();
    } else if (this.answered) this.permit?.success();
    else this.permit?.release();
  }

  /** Lets the source clean up, without waiting, because it may never answer. */
  private abandon(iterator: Source): void {
    const closed = async (): Promise<unknown> => iterator.return?.();
    closed().catch(() => undefined);
  }

  private recovered(error: unknown, failure: boolean): Promise<Step> {
    const { recovery, call } = this.stream;
    if (!failure || recovery === undefined || this.fellBack) {
      this.over = true;
      throw error;
    }
    this.fellBack = true;
    this.answered = true;
    this.iterator = valuesOf(() => recovery(call.self, error, call.args));
    return this.iterator.next();
  }
}

/** The values of a fallback: those of an iterable, an iterator or an array, or the single value. */
async function* valuesOf(answer: () => unknown): AsyncGenerator<unknown, unknown, unknown> {
  const value = await answer();
  if (isAsyncIterable(value)) yield* value;
  else if (Array.isArray(value)) yield* value as readonly unknown[];
  else if (isIterator(value)) yield* { [Symbol.asyncIterator]: () => value as AsyncIterator<unknown> };
  else yield value;
  return undefined;
}
