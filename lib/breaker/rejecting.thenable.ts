/**
 * Rejects the promise that is resolved with it, for less than the other ways cost. A handler that throws, or answers a
 * rejected promise, takes longer; and a promise that is rejected when it is made is entered in Node's list of unhandled
 * ones and struck off again by the caller's `await`, which takes longer than the rest of a call. This one is rejected
 * in the next microtask, when its caller awaits it.
 *
 * Only ever given to a promise as its resolution, which calls `then` once, with two functions, and drops the answer: it
 * is no promise that others could await or chain.
 */
export class Rejecting implements PromiseLike<never> {
  constructor(private readonly reason: unknown) {}

  then<A = never, B = never>(
    _fulfilled?: ((value: never) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): PromiseLike<A | B> {
    rejected?.(this.reason);
    return this;
  }
}
