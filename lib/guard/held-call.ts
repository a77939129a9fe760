import type { ExecutionContext } from '@nestjs/common';
import { defer, finalize, map, type Observable } from 'rxjs';
import { isAsyncIterable, isIterator, isNodeStream } from '../breaker/result.shape.js';
import type { HeldSlots } from '../limiter/held-slots.js';
import { identityOf } from '../transports/call-identity.js';
import { WatchedIteration } from './watched-iteration.js';

/** Calls whose slots are free when their handler has ended. */
const calls = new WeakMap<object, HeldCall>();

/** The call that the guard let pass with slots; `undefined` if it has none, or its transport tells its end. */
export function heldCallOf(context: ExecutionContext): HeldCall | undefined {
  const call = identityOf(context);
  return call && calls.get(call);
}

/** Holds slots until a handler has ended, and what it answered: an Observable, an async iterable, a stream of Node. */
export class HeldCall {
  /** What has not ended: the handler, and each stream that it answered. */
  private running = 0;

  private constructor(
    private readonly slots: HeldSlots,
    private readonly end: () => void,
  ) {}

  /**
   * Lets the interceptor find the call of a context.
   *
   * @param end gives the slots back
   */
  static register(context: ExecutionContext, slots: HeldSlots, end: () => void): void {
    const call = identityOf(context);
    if (call !== undefined) calls.set(call, new HeldCall(slots, end));
  }

  /** The same answers; the slots are held for as long as somebody listens to them. */
  during(answers: Observable<unknown>): Observable<unknown> {
    return defer(() => {
      this.slots.keep();
      return answers.pipe(
        map((answer) => this.whileRead(answer)),
        finalize(this.begin()),
      );
    });
  }

  private whileRead(answer: unknown): unknown {
    if (isNodeStream(answer)) {
      answer.once('close', this.begin());
      return answer;
    }
    if (!isAsyncIterable(answer)) return answer;
    const watched = (): WatchedIteration => {
      const source = answer[Symbol.asyncIterator]();
      return new WatchedIteration(source, { onBegin: () => this.slots.keep(), onEnd: this.begin() });
    };
    // What nobody ever reads has no end: until then the slots are not renewed.
    this.slots.lapse();
    return isIterator(answer) ? watched() : { [Symbol.asyncIterator]: watched };
  }

  /** Something runs; answers what is to be called when it ends, once or more often. */
  private begin(): () => void {
    let ended = false;
    this.running += 1;
    return () => {
      if (ended) return;
      ended = true;
      this.running -= 1;
      if (this.running === 0) this.end();
    };
  }
}
