import { HttpException, HttpStatus } from '@nestjs/common';
import type { LimitedDecision } from './decision.js';
import type { GraphqlExtensions } from './errors.js';

const TITLE = 'Too Many Requests';

/**
 * A call exceeds its limit: 429 over HTTP. The guard and `BackendService#acquire` throw it.
 *
 * `instanceof` compares the `code`, so it recognises errors of another copy of this package.
 *
 * An exception that the limiter throws has no stack, because a stack would cost more than everything else.
 */
export class RateLimitExceededException extends HttpException {
  static override [Symbol.hasInstance](value: unknown): boolean {
    if (this !== RateLimitExceededException) return Function.prototype[Symbol.hasInstance].call(this, value);
    return value instanceof Error && (value as { code?: unknown }).code === 'RATE_LIMITED';
  }

  readonly code = 'RATE_LIMITED';

  /**
   * @param decision the decision, with the status of every policy
   * @param message default `Too Many Requests`
   * @param blocked whether a `blockFor` refuses the key
   */
  constructor(
    readonly decision: LimitedDecision,
    message?: string,
    readonly blocked = false,
  ) {
    // A text instead of the body: GraphQL drivers derive another code from a body with a status.
    super(message ?? TITLE, HttpStatus.TOO_MANY_REQUESTS);
  }

  /** The body of the response, the same as Nest's body for this status. */
  override getResponse(): object {
    return this.message === TITLE
      ? HttpException.createBody(null, TITLE, this.getStatus())
      : HttpException.createBody(this.message, TITLE, this.getStatus());
  }

  /** The extensions of the error in GraphQL. */
  get extensions(): GraphqlExtensions {
    const { retryAfterMs, policies } = this.decision;
    return { code: this.code, retryAfterMs, policies };
  }
}
