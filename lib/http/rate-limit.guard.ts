import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { Decider } from '../backends/decider.js';
import { notCounted, violated } from '../backends/decisions.js';
import type { Decision, LimitedDecision } from '../contracts/decision.js';
import { type MaybePromise, when } from '../contracts/maybe-promise.js';
import { RateLimitExceededException } from '../contracts/rate-limit-exceeded.exception.js';
import { RATE_LIMIT_SETTINGS, type RateLimitSettings } from '../rate-limit.options.js';
import { type Header, rateLimitHeaders } from './headers.js';
import { PROBLEM_JSON, quotaExceeded } from './problem-details.js';
import { firstSight, keepDecision } from './request-decision.js';
import { type RequestQuestion, RequestQuestions } from './request-questions.js';
import { responseOf } from './request.js';

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
    @Inject(RequestQuestions) private readonly questions: RequestQuestions,
    @Inject(Decider) private readonly decider: Decider,
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
  ) {}

  /**
   * @throws RateLimitExceededException when a policy refuses
   * @throws BackendUnavailableError when no backend can decide and the failure mode is `closed`
   */
  canActivate(context: ExecutionContext): MaybePromise<boolean> {
    if (!firstSight(context)) return true;
    if (!this.settings.enabled) return this.pass(context, notCounted('disabled'));
    return when(this.questions.of(context), (question) =>
      question === undefined
        ? this.pass(context, notCounted('skipped'))
        : when(this.decider.decide(question), ({ decision }) => this.answer(context, question, decision)),
    );
  }

  private answer(context: ExecutionContext, question: RequestQuestion, decision: Decision): true {
    this.setHeaders(context, rateLimitHeaders(decision, this.settings.headers));
    if (decision.kind !== 'limited') return this.pass(context, decision);
    keepDecision(context, decision);
    throw this.refusal(context, question, decision);
  }

  private pass(context: ExecutionContext, decision: Decision): true {
    keepDecision(context, decision);
    return true;
  }

  private refusal(
    context: ExecutionContext,
    { policies }: RequestQuestion,
    decision: LimitedDecision,
  ): RateLimitExceededException {
    const names = violated(decision.policies).map(({ name }) => name);
    const message = policies.find((one) => one.message !== undefined && names.includes(one.policy.name))?.message;
    if (!this.settings.problemDetails) return new RateLimitExceededException(decision, message);
    this.setHeaders(context, [['Content-Type', PROBLEM_JSON]]);
    return new RateLimitExceededException(decision, message, quotaExceeded(decision, message));
  }

  private setHeaders(context: ExecutionContext, headers: readonly Header[]): void {
    const response = responseOf(context);
    if (response === undefined) return;
    for (const [name, value] of headers) this.host.httpAdapter.setHeader(response, name, value);
  }
}
