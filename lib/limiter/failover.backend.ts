import type {
  Backend,
  BackendCapabilities,
  BackendRequest,
  ConsumeRequest,
  RefundRequest,
  RenewRequest,
  Reply,
} from '../contracts/backend.js';
import type { Clock } from '../contracts/breaker.js';
import { commonCapabilities } from './common-capabilities.js';
import { BackendUnavailableError, isUnavailable, RateLimitConfigurationError } from '../contracts/errors.js';
import { isPromise, whenAll, type MaybePromise } from '../contracts/maybe-promise.js';
import { type Duration } from '../contracts/policy.js';
import { monotonicMs } from '../contracts/process-time.js';
import { parseDuration } from '../policies/duration.js';
import { oneOf, onlyKnown } from '../policies/option-checks.js';
import { FailoverMember } from './failover-member.js';
import type { GuardedBackend } from './guarded-backend.js';

/** Options of `failoverBackend()`. */
export interface FailoverBackendOptions {
  /**
   * `first-healthy` (default): the first member that works, in the given order. `round-robin`: the members in turn.
   * Each member counts separately, so together they admit up to the sum of their limits.
   */
  readonly strategy?: 'first-healthy' | 'round-robin';
  /**
   * Successful pings in a row before a member is used again: at least 1. Default 3. Overrides the `successThreshold` of
   * its breaker.
   */
  readonly failbackProbes?: number;
  /** Minimum time between two of these pings. Default 1 s. */
  readonly failbackInterval?: Duration;
  /** Default `failover`. */
  readonly name?: string;
  /** Monotonic milliseconds, for tests. */
  readonly clock?: Clock;
}

/**
 * Combines several backends; one of them decides each call. Each member has its own breaker. If a member fails, the
 * next one is asked. A member that recovers is used again after several successful pings. Members count separately: on
 * the member that takes over, a key has a fresh quota.
 *
 * @throws RateLimitConfigurationError for fewer than two members, two of one name, one that is a failover itself, or
 * different capabilities
 * @example
 * failoverBackend([redisBackend({ url }), memoryBackend()])
 */
export function failoverBackend(backends: readonly Backend[], options: FailoverBackendOptions = {}): Backend {
  onlyKnown('failoverBackend', options, ['strategy', 'failbackProbes', 'failbackInterval', 'name', 'clock']);
  return new FailoverBackend(backends, options);
}

/** The backend behind `failoverBackend()`. */
export class FailoverBackend implements Backend {
  readonly name: string;
  readonly circuitBreaker = false;
  readonly capabilities: BackendCapabilities;
  private readonly all: readonly FailoverMember[];
  private readonly roundRobin: boolean;
  private turn = 0;

  constructor(backends: readonly Backend[], options: FailoverBackendOptions) {
    const {
      strategy = 'first-healthy',
      failbackProbes = 3,
      failbackInterval = '1s',
      name = 'failover',
      clock,
    } = options;
    oneOf('failoverBackend.strategy', strategy, ['first-healthy', 'round-robin']);
    if (!Number.isSafeInteger(failbackProbes) || failbackProbes < 1) {
      throw new RateLimitConfigurationError(
        'failoverBackend.failbackProbes',
        failbackProbes,
        'Give a whole number of at least 1.',
      );
    }
    checkMembers(backends);
    this.name = name;
    this.roundRobin = strategy === 'round-robin';
    this.capabilities = commonCapabilities(backends);
    const failback = {
      probes: failbackProbes,
      intervalMs: parseDuration('failoverBackend.failbackInterval', failbackInterval),
      clock: clock ?? monotonicMs,
    };
    this.all = backends.map((backend) => new FailoverMember(backend, failback));
  }

  /** The members with their breakers, in the given order. */
  get members(): readonly GuardedBackend[] {
    return this.all.map(({ guard }) => guard);
  }

  consume(request: ConsumeRequest): MaybePromise<Reply> {
    return this.decide(request.timeoutMs, (member) => member.consume(request));
  }

  peek(request: BackendRequest): MaybePromise<Reply> {
    return this.decide(request.timeoutMs, (member) => member.peek(request));
  }

  /** Gives back to the member that charged; if it is not known, to the member that would be charged now. */
  refund(request: RefundRequest): MaybePromise<void> {
    const charger = this.all.find(({ guard }) => guard.name === request.backend);
    if (charger !== undefined) return charger.guard.refund(request);
    return this.firstOf(this.inOrder(request.timeoutMs), (member) => member.guard.refund(request));
  }

  /** Renews at the member that gave the slots; if it is not known, at the member that would give them now. */
  renew(request: RenewRequest): MaybePromise<void> {
    const giver = this.all.find(({ guard }) => guard.name === request.backend);
    if (giver !== undefined) return giver.guard.renew(request);
    const able = this.inOrder(request.timeoutMs).filter(({ guard }) => guard.inner.renew !== undefined);
    return this.firstOf(able, (member) => member.guard.renew(request));
  }

  /** Resets every member that can be reached; fails if none can. */
  reset(request: BackendRequest): MaybePromise<void> {
    const outcomes = this.all.map(({ guard }) => outcomeOf(() => guard.reset(request)));
    return whenAll(outcomes, (errors) => {
      const bug = errors.find((error) => error !== undefined && !isUnavailable(error));
      if (bug !== undefined) throw bug as Error;
      if (errors.every((error) => error !== undefined)) throw this.exhausted(errors);
    });
  }

  ping(signal: AbortSignal): MaybePromise<void> {
    return this.firstOf(this.all, ({ guard }) => guard.ping(signal));
  }

  /** Closes every member, and fails afterwards if one did. */
  close(): MaybePromise<void> {
    return whenAll(
      this.all.map(({ guard }) => outcomeOf(() => guard.close())),
      (errors) => {
        const failed = errors.find((error) => error !== undefined);
        if (failed !== undefined) throw failed as Error;
      },
    );
  }

  private decide(timeoutMs: number, ask: (member: GuardedBackend) => MaybePromise<Reply>): MaybePromise<Reply> {
    const order = this.inOrder(timeoutMs);
    const primary = this.roundRobin ? order[0] : this.all[0];
    return this.firstOf(order, (member) => {
      const reply = ask(member.guard);
      const source = member === primary ? 'primary' : 'fallback';
      const signed = (one: Reply): Reply => ({ ...one, backend: member.guard.name, source: one.source ?? source });
      return isPromise(reply) ? reply.then(signed) : signed(reply);
    });
  }

  /** Members that are in service first, then the others, because there may be no other choice. */
  private inOrder(timeoutMs: number): readonly FailoverMember[] {
    if (!this.roundRobin && this.all.every(({ guard }) => guard.isClosed())) return this.all;
    const inService = this.all.filter((member) => member.inService(timeoutMs));
    if (this.roundRobin && inService.length > 1) {
      const first = this.turn++ % inService.length;
      inService.push(...inService.splice(0, first));
    }
    return inService.length === this.all.length
      ? inService
      : [...inService, ...this.all.filter((member) => !inService.includes(member))];
  }

  /** The first answer. If a member is unavailable, the next is asked; any other error is thrown. */
  private firstOf<T>(
    members: readonly FailoverMember[],
    ask: (member: FailoverMember) => MaybePromise<T>,
    errors: readonly unknown[] = [],
  ): MaybePromise<T> {
    const [member, ...others] = members;
    if (member === undefined) throw this.exhausted(errors);
    const next = (error: unknown): MaybePromise<T> => {
      if (!isUnavailable(error)) throw error;
      return this.firstOf(others, ask, [...errors, error]);
    };
    try {
      const answer = ask(member);
      return isPromise(answer) ? answer.catch(next) : answer;
    } catch (error) {
      return next(error);
    }
  }

  private exhausted(errors: readonly unknown[]): BackendUnavailableError {
    const waits = errors.filter(isUnavailable).map(({ retryAfterMs }) => retryAfterMs);
    const cause = new AggregateError(errors, 'Every member failed');
    return BackendUnavailableError.of({ backend: this.name, retryAfterMs: Math.min(...waits), cause });
  }
}

/** The error of a call, or `undefined` if it went well. */
function outcomeOf(call: () => MaybePromise<void>): MaybePromise<unknown> {
  try {
    const answer = call();
    return isPromise(answer)
      ? answer.then(
          () => undefined,
          (error: unknown) => error,
        )
      : undefined;
  } catch (error) {
    return error;
  }
}

function checkMembers(backends: readonly Backend[]): void {
  if (backends.length < 2) {
    throw new RateLimitConfigurationError('failoverBackend', backends, 'Give at least two backends.');
  }
  const names = backends.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new RateLimitConfigurationError('failoverBackend', twice, 'Two members have this name: give one another.');
  }
  const nested = backends.find((backend) => backend instanceof FailoverBackend);
  if (nested !== undefined) {
    throw new RateLimitConfigurationError(
      'failoverBackend',
      nested.name,
      'List its members here: failovers do not nest.',
    );
  }
}
