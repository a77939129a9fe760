import { catchError, defer, finalize, from, isObservable, Observable, of, takeUntil, tap, throwError } from 'rxjs';
import { DeadlineExceededError } from '../contracts/errors.js';
import type { Permit } from '../contracts/breaker.js';
import type { Breaker } from './breaker.js';
import { callWithin } from './call.deadline.js';
import { Rejecting } from './rejecting.thenable.js';

/** How a method answers; a call that is rejected without being made must answer the same way. */
export type ResultShape = 'value' | 'promise' | 'observable';

type Method = (this: unknown, ...args: unknown[]) => unknown;

/** Answers instead of a call that was rejected or failed. */
export type Recovery = (self: unknown, error: unknown, args: unknown[]) => unknown;

/** One call of a guarded method. */
export interface GuardedCall {
  readonly breaker: Breaker;
  readonly self: unknown;
  readonly args: unknown[];
}

/**
 * A method behind a breaker. A synchronous method stays synchronous, a promise is awaited, and of an Observable each
 * subscription is a call: an error is a failure, its end a success, and so is leaving with a value in hand (as
 * `firstValueFrom` does); who leaves before the first value gives no verdict.
 */
export class GuardedMethod {
  constructor(
    private readonly method: Method,
    /** What is known of its results beforehand; learned from the first result otherwise. */
    private shape: ResultShape,
    private readonly recovery: Recovery | undefined,
  ) {}

  call(call: GuardedCall): unknown {
    const permit = call.breaker.tryAcquire();
    if (permit === undefined) return this.rejected(call);
    let result: unknown;
    try {
      result = this.method.apply(call.self, call.args);
    } catch (error) {
      if (permit.failure(error) && this.recovery !== undefined) return this.recovery(call.self, error, call.args);
      throw error;
    }
    if (isObservable(result)) {
      // Nothing has been asked of it yet: each subscription takes its own permit.
      permit.release();
      this.shape = 'observable';
      const source = result;
      return this.observed(call, () => source);
    }
    if (isPromiseLike(result)) {
      this.shape = 'promise';
      return this.awaited(call, permit, result);
    }
    permit.success();
    return result;
  }

  private rejected(call: GuardedCall): unknown {
    switch (this.shape) {
      case 'observable':
        return this.observed(call, () => this.method.apply(call.self, call.args) as Observable<unknown>);
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

  private awaited(call: GuardedCall, permit: Permit, result: PromiseLike<unknown>): Promise<unknown> {
    const timeoutMs = call.breaker.callTimeoutMs;
    const outcome = timeoutMs > 0 ? callWithin(() => result, { timeoutMs }) : Promise.resolve(result);
    return outcome.then(
      (value) => {
        permit.success();
        return value;
      },
      (error: unknown) => {
        const failure = permit.failure(error);
        return failure && this.recovery !== undefined ? this.recovery(call.self, error, call.args) : outcome;
      },
    );
  }

  private observed(call: GuardedCall, open: () => Observable<unknown>): Observable<unknown> {
    return defer(() => {
      const permit = call.breaker.tryAcquire();
      if (permit === undefined) return this.recovered(call, call.breaker.rejection(), true);
      const timeoutMs = call.breaker.callTimeoutMs;
      const source = defer(open);
      let answered = false;
      return (timeoutMs > 0 ? source.pipe(takeUntil(deadline(timeoutMs))) : source).pipe(
        tap({ next: () => (answered = true), complete: () => permit.success() }),
        catchError((error: unknown) => this.recovered(call, error, permit.failure(error))),
        finalize(() => (answered ? permit.success() : permit.release())),
      );
    });
  }

  private recovered(call: GuardedCall, error: unknown, failure: boolean): Observable<unknown> {
    if (!failure || this.recovery === undefined) return throwError(() => error);
    const answer = this.recovery(call.self, error, call.args);
    if (isObservable(answer)) return answer;
    return isPromiseLike(answer) ? from(answer) : of(answer);
  }
}

/** Fails after a time, with a timer that keeps no process alive. */
function deadline(timeoutMs: number): Observable<never> {
  return new Observable((subscriber) => {
    const timer = setTimeout(() => subscriber.error(DeadlineExceededError.of(timeoutMs)), timeoutMs).unref();
    return () => clearTimeout(timer);
  });
}

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}
