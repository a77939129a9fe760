import { Breaker } from '../breaker/breaker.js';
import type {
  Backend,
  BackendHealth,
  BackendRequest,
  ConsumeRequest,
  RefundRequest,
  Reply,
} from '../contracts/backend.js';
import type { BreakerState, CircuitBreakerOptions, Permit } from '../contracts/breaker.js';
import { BackendUnavailableError } from '../contracts/errors.js';
import type { BackendVerb, RateLimitListener } from '../contracts/events.js';
import { isPromise, type MaybePromise } from '../contracts/maybe-promise.js';
import { BackendCalls } from '../observe/backend-calls.js';
import type { RateLimitEvents } from '../observe/rate-limit-events.js';
import { parseDuration } from '../policies/duration.js';
import { ConnectionWatch } from './connection-watch.js';
import { withDeadline } from './deadline.js';
import { failureReason } from './failure-reason.js';
import { isInfrastructureError } from './infrastructure.js';

/** What an application gives to the guards of its backends. */
export interface GuardSettings {
  /** Options of breakers around backends that bring none of their own. */
  readonly circuitBreaker: CircuitBreakerOptions | false;
  readonly timeoutMs: number;
  /** Hears of failures and outages. */
  readonly notify: RateLimitListener;
  /** Hears of every call, if anybody listens. Default: nobody does. */
  readonly events?: RateLimitEvents;
}

/** Since when, and how often, a backend has failed. */
interface Outage {
  readonly sinceMs: number;
  failures: number;
}

/** Name under which a backend's breaker stands in the registry. */
export const breakerName = (backend: string): string => `backend:${backend}`;

/** Applications of this process that use a backend. */
const USERS = new WeakMap<Backend, number>();

/**
 * A backend behind its deadline and its circuit breaker.
 *
 * Infrastructure errors count against the breaker and come out as `BackendUnavailableError`; every other error comes
 * out as it is, without a verdict on the backend.
 */
export class GuardedBackend implements Backend {
  readonly name: string;
  private guard: Breaker | null;
  private circuit: BreakerState = 'closed';
  private readonly connection: ConnectionWatch;
  /** The backend's own deadline; it holds where it is shorter than the call's. */
  private callTimeoutMs = Number.POSITIVE_INFINITY;
  private notify: RateLimitListener = () => undefined;
  private calls: BackendCalls | undefined;
  private outage: Outage | undefined;

  /** @param overrides options that stand above those of the backend and of the application */
  constructor(
    readonly inner: Backend,
    private readonly overrides: CircuitBreakerOptions = {},
  ) {
    this.name = inner.name;
    this.connection = new ConnectionWatch(inner);
    this.guard = this.breakerWith(inner.circuitBreaker ?? {});
  }

  /** `null` if the backend is called without one. */
  get breaker(): Breaker | null {
    return this.guard;
  }

  /** Whether calls go through without a doubt. */
  isClosed(): boolean {
    return this.circuit === 'closed';
  }

  /** Joins an application: takes its defaults and tells it of outages. Before the first call. */
  connect({ circuitBreaker, timeoutMs, notify, events }: GuardSettings): void {
    this.notify = notify;
    if (events !== undefined) this.calls = new BackendCalls(events, this.name);
    const options = this.inner.circuitBreaker ?? circuitBreaker;
    this.guard = this.breakerWith(options && { callTimeout: timeoutMs, ...options });
    this.callTimeoutMs = ownDeadlineMs(options);
    const users = USERS.get(this.inner) ?? 0;
    USERS.set(this.inner, users + 1);
    if (users === 0) this.inner.open?.();
    this.inner.onEviction?.((count) => notify({ kind: 'eviction', backend: this.name, count }));
  }

  consume(request: ConsumeRequest): MaybePromise<Reply> {
    const bounded = this.bounded(request);
    return this.call('consume', () => this.inner.consume(bounded), bounded.timeoutMs);
  }

  peek(request: BackendRequest): MaybePromise<Reply> {
    const bounded = this.bounded(request);
    return this.call('peek', () => this.inner.peek(bounded), bounded.timeoutMs);
  }

  refund(request: RefundRequest): MaybePromise<void> {
    const bounded = this.bounded(request);
    return this.call('refund', () => this.inner.refund(bounded), bounded.timeoutMs);
  }

  reset(request: BackendRequest): MaybePromise<void> {
    const bounded = this.bounded(request);
    return this.call('reset', () => this.inner.reset(bounded), bounded.timeoutMs);
  }

  /** A live ping: when the circuit is open and a probe is due, it is the probe. */
  pingWithin(givenMs: number): MaybePromise<void> {
    const { timeoutMs } = this.bounded({ timeoutMs: givenMs });
    return this.call('ping', () => this.inner.ping(AbortSignal.timeout(timeoutMs)), timeoutMs);
  }

  /** What a live ping finds; never rejects. */
  async health(timeoutMs: number): Promise<BackendHealth['backends'][number]> {
    const startedMs = performance.now();
    const found = (healthy: boolean, error?: string): BackendHealth['backends'][number] => ({
      name: this.name,
      healthy,
      latencyMs: Math.round(performance.now() - startedMs),
      ...(error !== undefined && { error }),
      breaker: this.guard?.status() ?? null,
    });
    try {
      await this.pingWithin(timeoutMs);
      return found(true);
    } catch (error) {
      return found(false, failureReason(error instanceof BackendUnavailableError ? error.cause : error));
    }
  }

  ping(signal: AbortSignal, timeoutMs = Number.POSITIVE_INFINITY): MaybePromise<void> {
    return this.call('ping', () => this.inner.ping(signal), timeoutMs);
  }

  /** Leaves the application; the last one closes the backend. */
  close(): MaybePromise<void> {
    const users = (USERS.get(this.inner) ?? 1) - 1;
    USERS.set(this.inner, users);
    if (users === 0) return this.inner.close();
  }

  /** Within the backend's own deadline, too. */
  private bounded<R extends { readonly timeoutMs: number }>(request: R): R {
    return request.timeoutMs <= this.callTimeoutMs ? request : { ...request, timeoutMs: this.callTimeoutMs };
  }

  private call<T>(verb: BackendVerb, ask: () => MaybePromise<T>, timeoutMs: number): MaybePromise<T> {
    const permit = this.acquire(timeoutMs);
    return this.calls?.heard === true
      ? this.calls.make(verb, () => this.made(permit, ask, timeoutMs))
      : this.made(permit, ask, timeoutMs);
  }

  private made<T>(permit: Permit | null, ask: () => MaybePromise<T>, timeoutMs: number): MaybePromise<T> {
    let answer: MaybePromise<T>;
    try {
      answer = ask();
    } catch (error) {
      throw this.failed(permit, error);
    }
    if (!isPromise(answer)) {
      this.succeeded(permit);
      return answer;
    }
    return withDeadline(answer, timeoutMs).then(
      (value) => {
        this.succeeded(permit);
        return value;
      },
      (error: unknown) => {
        throw this.failed(permit, error);
      },
    );
  }

  /** @throws BackendUnavailableError while the circuit is open */
  private acquire(timeoutMs: number): Permit | null {
    if (this.guard === null) return null;
    const { opened } = this;
    const permit = opened === null || this.connection.mayBeAsked(opened) ? this.guard.tryAcquire(timeoutMs) : undefined;
    if (permit !== undefined) return permit;
    const cause = this.guard.rejection();
    throw BackendUnavailableError.of({ backend: this.name, retryAfterMs: cause.retryAfterMs, cause });
  }

  /** The breaker, if its circuit is open. */
  private get opened(): Breaker | null {
    return this.circuit === 'open' ? this.guard : null;
  }

  private succeeded(permit: Permit | null): void {
    permit?.success();
    // Open still: the call is of before, and may have waited for the new connection, on which a probe need not wait.
    const { opened } = this;
    if (opened === null) this.connection.forget();
    else this.connection.look(opened);
    if (this.outage === undefined) return;
    const { sinceMs, failures } = this.outage;
    this.outage = undefined;
    this.notify({
      kind: 'outage-ended',
      backend: this.name,
      durationMs: Math.round(performance.now() - sinceMs),
      failures,
    });
  }

  /** Passes judgement on a failed call, and returns the error that the caller gets. */
  private failed(permit: Permit | null, error: unknown): unknown {
    if (!isInfrastructureError(error)) {
      permit?.release();
      return error;
    }
    permit?.failure(error);
    this.connection.look(this.opened);
    this.reportFailure(error);
    const cause = error instanceof BackendUnavailableError ? (error.cause ?? error) : error;
    const told = error instanceof BackendUnavailableError ? error.retryAfterMs : 0;
    const retryAfterMs = Math.max(told, this.guard?.status().retryAfterMs ?? 0);
    return BackendUnavailableError.of({ backend: this.name, retryAfterMs, cause });
  }

  private reportFailure(error: Error): void {
    const cause = error instanceof BackendUnavailableError && error.cause instanceof Error ? error.cause : error;
    if (this.outage === undefined) {
      this.outage = { sinceMs: performance.now(), failures: 0 };
      this.notify({ kind: 'outage-started', backend: this.name, error: cause });
    }
    this.outage.failures += 1;
    this.notify({ kind: 'backend-failure', backend: this.name, error: cause });
  }

  private breakerWith(options: CircuitBreakerOptions | false): Breaker | null {
    this.circuit = 'closed';
    if (options === false) return null;
    const breaker = new Breaker({ name: breakerName(this.name), ...options, ...this.overrides });
    breaker.onTransition(({ to }) => {
      this.circuit = to;
    });
    return breaker;
  }
}

function ownDeadlineMs(options: CircuitBreakerOptions | false): number {
  if (options === false || options.callTimeout === undefined) return Number.POSITIVE_INFINITY;
  return parseDuration('circuitBreaker.callTimeout', options.callTimeout);
}
