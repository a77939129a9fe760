import { catchError, defer, finalize, from, isObservable, type Observable, of, tap, throwError, timeout } from 'rxjs';
import { DeadlineExceededError, FailureResultError } from '../contracts/errors.js';
import { beginRun, type GuardedStream } from './guarded-call.js';
import { isPromiseLike } from './result.shape.js';

/**
 * An Observable behind a breaker: each subscription is a call. Its first value decides a probe. In a closed circuit its
 * end is a success, and so is stopping after a value (as `firstValueFrom` does). An error at any time is a failure.
 * Stopping before the first value does not count.
 */
export function guardObservable(stream: GuardedStream<Observable<unknown>>): Observable<unknown> {
  const { call, recovery, open } = stream;
  return defer(() => {
    const permit = beginRun(stream);
    if (permit === undefined) return recovered(stream, call.breaker.rejection(), true);
    const timeoutMs = call.breaker.callTimeoutMs;
    const source = defer(open);
    let answered = false;
    const judgeFirst = (value: unknown): void => {
      if (answered) return;
      answered = true;
      if (!permit.firstValue(value) && recovery !== undefined) throw FailureResultError.of(value);
    };
    return (timeoutMs > 0 ? source.pipe(firstWithin(timeoutMs)) : source).pipe(
      tap({ next: judgeFirst, complete: () => permit.success() }),
      catchError((error: unknown) => recovered(stream, error, permit.failure(error))),
      finalize(() => (answered ? permit.success() : permit.release())),
    );
  });
}

/** Fails if there is no value in time; later values may take any time. */
function firstWithin(timeoutMs: number): <T>(source: Observable<T>) => Observable<T> {
  return timeout({ first: timeoutMs, with: () => throwError(() => DeadlineExceededError.of(timeoutMs)) });
}

function recovered({ call, recovery }: GuardedStream<unknown>, error: unknown, failure: boolean): Observable<unknown> {
  if (!failure || recovery === undefined) return throwError(() => error);
  const answer = recovery(call.self, error, call.args);
  if (isObservable(answer)) return answer;
  return isPromiseLike(answer) ? from(answer) : of(answer);
}
