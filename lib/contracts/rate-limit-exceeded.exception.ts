import { HttpException, HttpStatus } from '@nestjs/common';
import type { LimitedDecision } from './decision.js';

/**
 * A call is over its limit: 429 over HTTP. The guard throws it, and `BackendService#acquire`.
 *
 * It stands among the contracts because a lease, far from any request, is refused by it too.
 */
export class RateLimitExceededException extends HttpException {
  /**
   * @param decision what was decided, with every policy's status
   * @param message default `Too Many Requests`
   */
  constructor(
    readonly decision: LimitedDecision,
    message?: string,
  ) {
    const title = 'Too Many Requests';
    super(
      message === undefined
        ? HttpException.createBody(null, title, HttpStatus.TOO_MANY_REQUESTS)
        : HttpException.createBody(message, title, HttpStatus.TOO_MANY_REQUESTS),
      HttpStatus.TOO_MANY_REQUESTS,
    );
    this.message = message ?? title;
  }
}
