/**
 * Rejects the promise that is resolved with it, at a lower cost than the alternatives. A handler that throws, or
 * returns a rejected promise, takes longer. A promise that is created as rejected is added to Node's list of unhandled
 * rejections and removed again by the caller's `await`, which takes longer than the rest of a call. This one is
 * rejected in the next microtask, when its caller awaits it.
 *
 * Use it only to resolve a promise, which calls `then` once with two functions and ignores the result. Others cannot
 * await or chain it.
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
