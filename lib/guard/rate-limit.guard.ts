import { type CanActivate, type ExecutionContext, HttpException, Inject, Injectable, Optional } from '@nestjs/common';
import { Admission, asksForSlots } from '../limiter/admission.js';
import { Decider, type Outcome } from '../limiter/decider.js';
import { notCounted } from '../limiter/decisions.js';
import { OutcomeCharges } from '../limiter/outcome-charges.js';
import { exceeded, type PolicyDecisionRequest } from '../limiter/decision-request.js';
import type { Decision } from '../contracts/decision.js';
import { isUnavailable } from '../contracts/errors.js';
import { isPromise, type MaybePromise, when } from '../contracts/maybe-promise.js';
import { decisionEvent } from '../observe/decision-event.js';
import { RateLimitEvents } from '../observe/rate-limit-events.js';
import { isObserved } from '../observe/unobserved.decorator.js';
import { RATE_LIMIT_SETTINGS, type RateLimitSettings } from '../rate-limit.settings.js';
import { Transports } from '../transports/transports.js';
import { HeldCall } from './held-call.js';
import { JudgedCall } from './judged-call.js';
import { firstSight, keepDecision } from './request-decision.js';
import { checkModule } from '../policies/missing-module.js';
import { ChargeResolver } from './charge-resolver.js';

/** Whether a call passes, or the error that it gets instead: an error costs most where it is thrown, so that is done once. */
type Verdict = true | Error;

/**
 * Charges the policies of a call, sends headers if the transport has them, and throws `RateLimitExceededException` if a
 * limit is reached. The module binds it to all handlers unless `bindGuard` is false.
 *
 * If a call passes the guard twice, globally and again on a class, it is counted once.
 */
@Injectable()
export class RateLimitGuard implements CanActivate {
  constructor(
    @Optional() @Inject(RATE_LIMIT_SETTINGS) private readonly settings: RateLimitSettings,
    @Optional() @Inject(ChargeResolver) private readonly resolver: ChargeResolver,
    @Optional() @Inject(Decider) private readonly decider: Decider,
    @Optional() @Inject(Admission) private readonly admission: Admission,
    @Optional() @Inject(OutcomeCharges) private readonly outcomes: OutcomeCharges,
    @Optional() @Inject(Transports) private readonly transports: Transports,
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
    let verdict: MaybePromise<Verdict>;
    try {
      verdict = this.judge(context);
    } catch (error) {
      return this.fail(context, error);
    }
    return isPromise(verdict)
      ? verdict.then(passOrThrow, (error: unknown) => this.fail(context, error))
      : passOrThrow(verdict);
  }

  private judge(context: ExecutionContext): MaybePromise<Verdict> {
    if (!this.settings.enabled) return this.uncounted(context, 'disabled');
    return when(this.resolver.resolve(context), (request) => {
      if (request === undefined) return this.uncounted(context, 'skipped');
      if (asksForSlots(request)) return this.admit(context, request);
      return this.decider.decideThen(request, (outcome) => this.answer(context, request, outcome));
    });
  }

  /**
   * Holds the slots until the call ends. A client that disconnects while it waits for a slot leaves the queue. The
   * transport reports the end of a call if it can; elsewhere the end of the handler counts, too.
   */
  private async admit(context: ExecutionContext, request: PolicyDecisionRequest): Promise<Verdict> {
    const over = new AbortController();
    const end = (): void => over.abort(new HttpException('Client Closed Request', 499));
    const transport = this.transports.of(context);
    const isTold = transport.whenOver?.(context, end) ?? false;
    const { outcome, slots } = await this.admission.hold(request, over.signal);
    if (slots !== undefined) {
      if (!isTold) slots.lapse();
      if (!isTold || transport.status === undefined) HeldCall.register(context, slots, end);
    }
    return this.answer(context, request, outcome);
  }

  private answer(context: ExecutionContext, request: PolicyDecisionRequest, outcome: Outcome): Verdict {
    const { decision } = outcome;
    this.transports.of(context).show?.(context, decision);
    if (decision.kind === 'limited') return this.told(context, exceeded(request, decision));
    this.judgeLater(context, request, outcome);
    return this.pass(context, decision);
  }

  /** The transport reports the end of a call and its status if it can; elsewhere the end of the handler counts. */
  private judgeLater(context: ExecutionContext, request: PolicyDecisionRequest, outcome: Outcome): void {
    const charges = this.outcomes.of(request, outcome);
    if (charges === undefined) return;
    const call = new JudgedCall(context, charges);
    const transport = this.transports.of(context);
    if (transport.status === undefined) return;
    const over = (): void => call.over(transport.status?.(context));
    if (transport.whenOver?.(context, over) === true) call.awaitsAnswer();
  }

  private uncounted(context: ExecutionContext, reason: 'skipped' | 'disabled'): true {
    const decision = notCounted(reason);
    if (this.events.heard && isObserved(context.getClass())) {
      this.events.emit(decisionEvent(decision, this.resolver.originOf(context), 0));
    }
    return this.pass(context, decision);
  }

  /** The error that the caller gets, in the format of its transport. Sends the time of a retry, before a filter answers. */
  private told(context: ExecutionContext, error: Error): Error {
    const transport = this.transports.of(context);
    if (isUnavailable(error)) transport.announce?.(context, error);
    return transport.thrown?.(error) ?? error;
  }

  private fail(context: ExecutionContext, error: unknown): never {
    throw error instanceof Error ? this.told(context, error) : error;
  }

  private pass(context: ExecutionContext, decision: Decision): true {
    keepDecision(context, decision);
    return true;
  }
}

function passOrThrow(verdict: Verdict): true {
  if (verdict !== true) throw verdict;
  return true;
}
