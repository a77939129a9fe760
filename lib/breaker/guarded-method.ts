import { isObservable, type Observable } from 'rxjs';
import { FailureResultError } from '../contracts/errors.js';
import type { CallPermit } from './call.permit.js';
import { callWithin } from './call.deadline.js';
import type { GuardedCall, Recovery } from './guarded-call.js';
import { guardIterable, guardUnopened } from './guarded-iterable.js';
import { guardObservable } from './guarded-observable.js';
import { Rejecting } from './rejecting.thenable.js';
import { isAsyncIterable, isNodeStream, isPromiseLike, type NodeStream, type ResultShape } from './result.shape.js';

type Method = (this: unknown, ...args: unknown[]) => unknown;

/**
 * A method behind a breaker. A synchronous method stays synchronous, a promise is awaited, and each run of an
 * Observable or an async iterable is a call.
 */
export class GuardedMethod {
  private readonly isGenerator: boolean;

  constructor(
    private readonly method: Method,
    /** The known shape of its results; otherwise learned from the first result. */
    private shape: ResultShape,
    private readonly recovery: Recovery | undefined,
  ) {
    this.isGenerator = shape === 'iterable';
  }

  call(call: GuardedCall): unknown {
    // Calling a generator function only creates the generator.
    if (this.isGenerator) return this.iterated(call, this.method.apply(call.self, call.args) as AsyncGenerator);
    const permit = call.breaker.acquire();
    if (permit === undefined) return this.rejected(call);
    let result: unknown;
    try {
      result = this.method.apply(call.self, call.args);
    } catch (error) {
      if (permit.failure(error) && this.recovery !== undefined) return this.recovery(call.self, error, call.args);
      throw error;
    }
    if (isPromiseLike(result)) {
      this.shape = 'promise';
      return this.awaited(call, permit, result);
    }
    if (isObservable(result)) this.shape = 'observable';
    else if (isAsyncIterable(result) && !isNodeStream(result)) this.shape = 'iterable';
    else return this.answered(call, permit, result);
    // It has not run yet: each run takes its own permit.
    permit.release();
    return isObservable(result)
      ? this.observed(call, () => result)
      : this.iterated(call, result as AsyncIterable<unknown>);
  }

  /** For a call without a breaker: its key function threw, or the fallback is missing on its instance. */
  refuse(error: unknown): unknown {
    if (this.shape === 'promise') return Promise.reject(error as Error);
    throw error;
  }

  private rejected(call: GuardedCall): unknown {
    switch (this.shape) {
      case 'observable':
        return this.observed(call, () => this.method.apply(call.self, call.args) as Observable<unknown>);
      case 'iterable':
        return guardUnopened({
          call,
          recovery: this.recovery,
          open: () => this.method.apply(call.self, call.args) as AsyncIterable<unknown>,
        });
      case 'promise': {
        const rejection = Promise.resolve(new Rejecting(call.breaker.rejection()));
        return this.recovery === undefined
          ? rejection
          : rejection.catch((error: unknown) => this.recovery?.(call.self, error, call.args));
      }
      case 'value': {
        const error = call.breaker.rejection();
        if (this.recovery !== undefined) return this.recovery(call.self, error, call.args);
        throw error;
      }
    }
  }

  private awaited(call: GuardedCall, permit: CallPermit, result: PromiseLike<unknown>): Promise<unknown> {
    const timeoutMs = call.breaker.callTimeoutMs;
    const outcome = timeoutMs > 0 ? callWithin(() => result, { timeoutMs }) : Promise.resolve(result);
    return outcome.then(
      (value) => {
        // The first run of a stream in a promise is the rest of this call.
        if (isObservable(value)) return this.observed(call, () => value, permit);
        if (isAsyncIterable(value) && !isNodeStream(value)) return this.iterated(call, value, permit);
        return this.answered(call, permit, value);
      },
      (error: unknown) => {
        const failure = permit.failure(error);
        return failure && this.recovery !== undefined ? this.recovery(call.self, error, call.args) : outcome;
      },
    );
  }

  private answered(call: GuardedCall, permit: CallPermit, result: unknown): unknown {
    const success = isNodeStream(result) ? followed(permit, result) : permit.success(result);
    if (success || this.recovery === undefined) return result;
    return this.recovery(call.self, FailureResultError.of(result), call.args);
  }

  private observed(call: GuardedCall, open: () => Observable<unknown>, permit?: CallPermit): Observable<unknown> {
    return guardObservable({ call, recovery: this.recovery, open, permit });
  }

  private iterated(call: GuardedCall, iterable: AsyncIterable<unknown>, permit?: CallPermit): AsyncIterable<unknown> {
    return guardIterable(iterable, { call, recovery: this.recovery, open: () => iterable, permit });
  }
}

/** A Node stream is returned unchanged. Returning it decides a probe, and closing it decides a call. */
function followed(permit: CallPermit, stream: NodeStream): boolean {
  const success = permit.firstValue(stream);
  stream.once('close', () => {
    if (stream.errored !== null) permit.failure(stream.errored);
    else permit.success();
  });
  return success;
}
