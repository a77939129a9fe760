import { type ArgumentsHost, Inject, Injectable, ServiceUnavailableException } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { Decision } from '../../contracts/decision.js';
import { isUnavailable } from '../../contracts/errors.js';
import { RateLimitExceededException } from '../../contracts/rate-limit-exceeded.exception.js';
import { RATE_LIMIT_SETTINGS, type RateLimitSettings } from '../../rate-limit.settings.js';
import { isObject } from '../structure.js';
import type { Caller, LimitReach, RateLimitTransport, Refusal } from '../transport.js';
import { statusOf, whenOver } from './call-end.js';
import { errorHeaders } from './error-headers.js';
import { rateLimitHeaders } from './headers.js';
import { temporaryReducedCapacity, tooManyRequests } from './problem-details.js';
import { reply, replyWithProblem, setHeaders, takesHeaders } from './response.js';

/** Requests of Express and Fastify. */
@Injectable()
export class HttpTransport implements RateLimitTransport {
  readonly name = 'http';
  /** The decision that was sent last. If it is a refusal, a filter mostly follows at once, and need not send it again. */
  private lastShown: Decision | undefined;

  constructor(
    @Inject(RATE_LIMIT_SETTINGS) private readonly settings: Pick<RateLimitSettings, 'headers' | 'problemDetails'>,
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
  ) {}

  owns(call: ArgumentsHost): boolean {
    return call.getType() === 'http';
  }

  caller(call: ArgumentsHost): Caller | undefined {
    const request = call.getArgByIndex<unknown>(0);
    return isObject(request) ? request : undefined;
  }

  reach(): LimitReach {
    return 'all';
  }

  show(call: ArgumentsHost, decision: Decision): void {
    const response = call.getArgByIndex<unknown>(1);
    if (!takesHeaders(response)) return;
    setHeaders(this.host, response, rateLimitHeaders(decision, this.settings.headers));
    this.lastShown = decision;
  }

  announce(call: ArgumentsHost, error: unknown): void {
    if (error instanceof RateLimitExceededException && error.decision === this.lastShown) return;
    const response = call.getArgByIndex<unknown>(1);
    if (takesHeaders(response)) setHeaders(this.host, response, errorHeaders(error));
  }

  whenOver(call: ArgumentsHost, over: () => void): boolean {
    const response = call.getArgByIndex<unknown>(1);
    if (!takesHeaders(response)) return false;
    whenOver(response, over);
    return true;
  }

  status(call: ArgumentsHost): number | undefined {
    return statusOf(call.getArgByIndex<object>(1));
  }

  /** An outage of another copy of this package may be an error without a status or a body. */
  answer(call: ArgumentsHost, _refusal: Refusal, error: RateLimitExceededException): void {
    const response = call.getArgByIndex<object>(1);
    const isOutage = isUnavailable(error);
    if (this.settings.problemDetails) {
      replyWithProblem(this.host, response, isOutage ? temporaryReducedCapacity() : tooManyRequests(error));
      return;
    }
    const answer = isOutage ? new ServiceUnavailableException() : error;
    reply(this.host, response, answer.getStatus(), answer.getResponse());
  }
}
