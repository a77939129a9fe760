import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { Decider } from '../limiter/decider.js';
import { notCounted } from '../limiter/decisions.js';
import { exceeded, type PolicyDecisionRequest } from '../limiter/decision-request.js';
import type { Decision } from '../contracts/decision.js';
import { type MaybePromise, when } from '../contracts/maybe-promise.js';
import { uncountedEvent } from '../observe/decision-event.js';
import { RateLimitEvents } from '../observe/rate-limit-events.js';
import { isObserved } from '../observe/unobserved.decorator.js';
import { RATE_LIMIT_SETTINGS, type RateLimitSettings } from '../rate-limit.options.js';
import { rateLimitHeaders } from '../transports/http/headers.js';
import { firstSight, keepDecision } from './request-decision.js';
import { ChargeResolver } from './charge-resolver.js';
import { responseOf } from '../transports/request.js';
import { setHeaders } from '../transports/http/response.js';

/**
 * Lets a call pass or not: charges what applies to it, tells of it in response headers, and throws
 * `RateLimitExceededException` when a limit is reached. Bound to all routes by the module unless `bindGuard` is false.
 *
 * A call that meets it twice, bound globally and once more on a class, is counted once.
 */
@Injectable()
export class RateLimitGuard implements CanActivate {
  constructor(
    @Inject(RATE_LIMIT_SETTINGS) private readonly settings: RateLimitSettings,
    @Inject(ChargeResolver) private readonly resolver: ChargeResolver,
    @Inject(Decider) private readonly decider: Decider,
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Inject(RateLimitEvents) private readonly events: RateLimitEvents,
  ) {}

  /**
   * @throws RateLimitExceededException when a policy refuses
   * @throws BackendUnavailableError when no backend can decide and the failure mode is `closed`
   */
  canActivate(context: ExecutionContext): MaybePromise<boolean> {
    if (!firstSight(context)) return true;
    if (!this.settings.enabled) return this.uncounted(context, 'disabled');
    return when(this.resolver.resolve(context), (request) =>
      request === undefined
        ? this.uncounted(context, 'skipped')
        : when(this.decider.decide(request), ({ decision }) => this.answer(context, request, decision)),
    );
  }

  private answer(context: ExecutionContext, request: PolicyDecisionRequest, decision: Decision): true {
    const response = responseOf(context);
    if (response !== undefined) setHeaders(this.host, response, rateLimitHeaders(decision, this.settings.headers));
    this.pass(context, decision);
    if (decision.kind !== 'limited') return true;
    throw exceeded(request, decision);
  }

  private uncounted(context: ExecutionContext, reason: 'skipped' | 'disabled'): true {
    const decision = notCounted(reason);
    if (this.events.heard && isObserved(context.getClass())) {
      this.events.emit(uncountedEvent(decision, this.resolver.originOf(context)));
    }
    return this.pass(context, decision);
  }

  private pass(context: ExecutionContext, decision: Decision): true {
    keepDecision(context, decision);
    return true;
  }
}
