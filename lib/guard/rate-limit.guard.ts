import { type CanActivate, type ExecutionContext, Inject, Injectable, Optional } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { Decider } from '../limiter/decider.js';
import { notCounted } from '../limiter/decisions.js';
import { exceeded, type PolicyDecisionRequest } from '../limiter/decision-request.js';
import type { Decision } from '../contracts/decision.js';
import { isUnavailable } from '../contracts/errors.js';
import { isPromise, type MaybePromise, when } from '../contracts/maybe-promise.js';
import { decisionEvent } from '../observe/decision-event.js';
import { RateLimitEvents } from '../observe/rate-limit-events.js';
import { isObserved } from '../observe/unobserved.decorator.js';
import { RATE_LIMIT_SETTINGS, type RateLimitSettings } from '../rate-limit.options.js';
import { errorHeaders } from '../transports/http/error-headers.js';
import { rateLimitHeaders } from '../transports/http/headers.js';
import { firstSight, keepDecision } from './request-decision.js';
import { checkModule } from '../policies/missing-module.js';
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
    @Optional() @Inject(RATE_LIMIT_SETTINGS) private readonly settings: RateLimitSettings,
    @Optional() @Inject(ChargeResolver) private readonly resolver: ChargeResolver,
    @Optional() @Inject(Decider) private readonly decider: Decider,
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Optional() @Inject(RateLimitEvents) private readonly events: RateLimitEvents,
  ) {
    checkModule('RateLimitGuard', decider);
  }

  /**
   * @throws RateLimitExceededException when a policy refuses
   * @throws BackendUnavailableError when no backend can decide and the failure mode is `closed`
   */
  canActivate(context: ExecutionContext): MaybePromise<boolean> {
    if (!firstSight(context)) return true;
    try {
      const passed = this.guarded(context);
      return isPromise(passed) ? passed.catch((error: unknown) => this.refuse(context, error)) : passed;
    } catch (error) {
      return this.refuse(context, error);
    }
  }

  private guarded(context: ExecutionContext): MaybePromise<boolean> {
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
      this.events.emit(decisionEvent(decision, this.resolver.originOf(context), 0));
    }
    return this.pass(context, decision);
  }

  /** Tells when to come back, before a filter answers that knows nothing of it. */
  private refuse(context: ExecutionContext, error: unknown): never {
    const response = context.getType() === 'http' ? responseOf(context) : undefined;
    if (response !== undefined && isUnavailable(error)) setHeaders(this.host, response, errorHeaders(error));
    throw error;
  }

  private pass(context: ExecutionContext, decision: Decision): true {
    keepDecision(context, decision);
    return true;
  }
}
