import { HttpException, HttpStatus } from '@nestjs/common';
import type { LimitedDecision } from './decision.js';
import type { GraphqlExtensions } from './errors.js';

const TITLE = 'Too Many Requests';

/**
 * A call is over its limit: 429 over HTTP. The guard throws it, and `BackendService#acquire`.
 *
 * It stands among the contracts because a lease, far from any request, is refused by it too. `instanceof` goes by
 * `code`, so that one of another copy of this package is known too.
 *
 * One that the limiter throws has no stack: it is an answer, and a stack would cost more than the rest of it.
 */
export class RateLimitExceededException extends HttpException {
  static override [Symbol.hasInstance](value: unknown): boolean {
    if (this !== RateLimitExceededException) return Function.prototype[Symbol.hasInstance].call(this, value);
    return value instanceof Error && (value as { code?: unknown }).code === 'RATE_LIMITED';
  }

  readonly code = 'RATE_LIMITED';

  /**
   * @param decision what was decided, with every policy's status
   * @param message default `Too Many Requests`
   * @param blocked whether the key is refused by a `blockFor`
   */
  constructor(
    readonly decision: LimitedDecision,
    message?: string,
    readonly blocked = false,
  ) {
    // A text, and not the body: drivers of GraphQL make a code of their own of a body with a status.
    super(message ?? TITLE, HttpStatus.TOO_MANY_REQUESTS);
  }

  /** The body of the answer, as Nest's own for this status. */
  override getResponse(): object {
    return this.message === TITLE
      ? HttpException.createBody(null, TITLE, this.getStatus())
      : HttpException.createBody(this.message, TITLE, this.getStatus());
  }

  /** What GraphQL servers send with the error. */
  get extensions(): GraphqlExtensions {
    const { retryAfterMs, policies } = this.decision;
    return { code: this.code, retryAfterMs, policies };
  }
}
