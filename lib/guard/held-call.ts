import type { ExecutionContext } from '@nestjs/common';
import { defer, finalize, map, type Observable } from 'rxjs';
import { isAsyncIterable, isIterator, isNodeStream } from '../breaker/result.shape.js';
import type { HeldSlots } from '../limiter/held-slots.js';
import { identityOf } from '../transports/call-identity.js';
import { WatchedIteration } from './watched-iteration.js';

/** Calls whose slots are free when their handler ends. */
const calls = new WeakMap<object, HeldCall>();

/** The call that the guard admitted with slots; `undefined` if it has none, or its transport reports its end. */
export function heldCallOf(context: ExecutionContext): HeldCall | undefined {
  const call = identityOf(context);
  return call && calls.get(call);
}

/** Holds slots until a handler and its result have ended: an Observable, an async iterable, a Node stream. */
export class HeldCall {
  /** What is still running: the handler, and each stream that it returned. */
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

  /** The same values; the slots are held as long as there is a subscriber. */
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
    // A stream that nobody reads has no end. Until it is read, the slots are not renewed.
    this.slots.lapse();
    return isIterator(answer) ? watched() : { [Symbol.asyncIterator]: watched };
  }

  /** Something starts; returns a function to call when it ends, once or more often. */
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
