import { MemoryBackend } from '../backends/memory/memory.backend.js';
import { Breaker } from '../breaker/breaker.js';
import type {
  Backend,
  BackendHealth,
  BackendRequest,
  ConsumeRequest,
  RefundRequest,
  RenewRequest,
  Reply,
} from '../contracts/backend.js';
import type { BreakerState, CircuitBreakerOptions, Permit } from '../contracts/breaker.js';
import { BackendUnavailableError, isBackendUnavailable, isConfigurationError } from '../contracts/errors.js';
import type { BackendVerb, RateLimitListener } from '../contracts/events.js';
import { failureReason } from '../contracts/failure-reason.js';
import { isPromise, type MaybePromise, when } from '../contracts/maybe-promise.js';
import { BackendCalls } from '../observe/backend-calls.js';
import type { RateLimitEvents } from '../observe/rate-limit-events.js';
import { asForBackends, breakerName, ownDeadlineMs } from './backend-breaker.js';
import { BackendUse } from './backend-use.js';
import { ConnectionWatch } from './connection-watch.js';
import { withDeadline } from './deadline.js';
import { isInfrastructureError } from './infrastructure.js';
import { OutageRecord } from './outage-record.js';
import { PrepaidUnits } from './prepaid-units.js';

/** The settings of an application for the guards of its backends. */
export interface GuardSettings {
  /** Options of breakers around backends without their own options. */
  readonly circuitBreaker: CircuitBreakerOptions | false;
  readonly timeoutMs: number;
  /** Receives failures and outages. */
  readonly notify: RateLimitListener;
  /** Receives every call, if there is a listener. Default: none. */
  readonly events?: RateLimitEvents;
}

/**
 * A backend with its deadline and its circuit breaker.
 *
 * Infrastructure errors count in the breaker and become a `BackendUnavailableError`. Every other error is thrown
 * unchanged and does not count.
 */
export class GuardedBackend implements Backend {
  readonly name: string;
  private guard: Breaker | null;
  private circuit: BreakerState = 'closed';
  private readonly connection: ConnectionWatch;
  /** The backend's own deadline; it applies if it is shorter than the deadline of the call. */
  private callTimeoutMs = Number.POSITIVE_INFINITY;
  private calls: BackendCalls | undefined;
  private outage: OutageRecord;
  private readonly use: BackendUse;
  /** Leases. The memory backend does not need them. */
  private readonly units: PrepaidUnits | undefined;
  private readonly counters: Pick<Backend, 'recall' | 'consume' | 'peek' | 'refund' | 'reset'>;
  private opening = (): void => undefined;

  /** @param overrides options that override those of the backend and the application */
  constructor(
    readonly inner: Backend,
    private readonly overrides: CircuitBreakerOptions = {},
  ) {
    this.name = inner.name;
    this.units = inner instanceof MemoryBackend ? undefined : new PrepaidUnits(inner);
    this.counters = this.units ?? inner;
    this.connection = new ConnectionWatch(inner);
    this.outage = new OutageRecord(inner.name, () => undefined);
    this.use = new BackendUse(inner, () => this.connection.connected(this.opened));
    this.guard = this.breakerWith(inner.circuitBreaker ?? {});
  }

  /** `null` if the backend has no breaker. */
  get breaker(): Breaker | null {
    return this.guard;
  }

  /** Whether the circuit is closed. */
  isClosed(): boolean {
    return this.circuit === 'closed';
  }

  /**
   * Joins an application: takes its defaults and reports outages to it. Called before the first call. Opens nothing.
   */
  connect({ circuitBreaker, timeoutMs, notify, events }: GuardSettings): void {
    this.outage = new OutageRecord(this.name, notify);
    if (events !== undefined) this.calls = new BackendCalls(events, this.name);
    const options = this.inner.circuitBreaker ?? circuitBreaker;
    this.guard = this.breakerWith(options && { callTimeout: timeoutMs, ...options });
    this.callTimeoutMs = ownDeadlineMs(options);
    this.inner.onEviction?.((count) => notify({ kind: 'eviction', backend: this.name, count }));
  }

  /** The application has started: the backend stays open until the application ends. Opens nothing. */
  join(): void {
    this.use.join();
  }

  /** The application listens. Without this, the first call opens the backend. */
  open(): void {
    if (this.use.isOpen) return;
    this.use.open();
    if (this.use.isOpen) this.opening();
  }

  /** Called when the application opens the backend. */
  onOpen(listener: () => void): void {
    this.opening = listener;
  }

  /** A remembered refusal is valid in any state of the store, so it passes neither deadline nor breaker. */
  consume(request: ConsumeRequest): MaybePromise<Reply> {
    const known = this.counters.recall?.(request);
    if (known !== undefined) return known;
    const bounded = this.bounded(request);
    return this.call('consume', () => this.counters.consume(bounded), bounded.timeoutMs);
  }

  peek(request: BackendRequest): MaybePromise<Reply> {
    const bounded = this.bounded(request);
    return this.call('peek', () => this.counters.peek(bounded), bounded.timeoutMs);
  }

  refund(request: RefundRequest): MaybePromise<void> {
    if (this.units?.keeps(request) === true) return;
    const bounded = this.bounded(request);
    return this.call('refund', () => this.counters.refund(bounded), bounded.timeoutMs);
  }

  renew(request: RenewRequest): MaybePromise<void> {
    const bounded = this.bounded(request);
    return this.call('renew', () => this.inner.renew?.(bounded), bounded.timeoutMs);
  }

  reset(request: BackendRequest): MaybePromise<void> {
    const bounded = this.bounded(request);
    return this.call('reset', () => this.counters.reset(bounded), bounded.timeoutMs);
  }

  /** A live ping. If the circuit is open and a probe is due, it is the probe. */
  pingWithin(givenMs: number): MaybePromise<void> {
    const { timeoutMs } = this.bounded({ timeoutMs: givenMs });
    return this.call('ping', () => this.inner.ping(AbortSignal.timeout(timeoutMs)), timeoutMs);
  }

  /** The result of a live ping, including a configuration mistake. Never rejects. */
  async health(timeoutMs: number): Promise<BackendHealth['backends'][number]> {
    const startedMs = performance.now();
    const found = (healthy: boolean, failure?: object): BackendHealth['backends'][number] => ({
      name: this.name,
      healthy,
      latencyMs: Math.round(performance.now() - startedMs),
      ...failure,
      breaker: this.guard?.status() ?? null,
    });
    try {
      await this.pingWithin(timeoutMs);
      return found(true);
    } catch (error) {
      if (isConfigurationError(error)) return found(false, { error: error.message, mistake: true });
      return found(false, { error: failureReason(isBackendUnavailable(error) ? error.cause : error) });
    }
  }

  ping(signal: AbortSignal, timeoutMs = Number.POSITIVE_INFINITY): MaybePromise<void> {
    return this.call('ping', () => this.inner.ping(signal), timeoutMs);
  }

  /** Leaves the application, and gives back what it holds; the last one closes the backend. */
  close(): MaybePromise<void> {
    return this.units === undefined ? this.use.close() : when(this.units.close(), () => this.use.close());
  }

  /** Applies the backend's own deadline, too. */
  private bounded<R extends { readonly timeoutMs: number }>(request: R): R {
    return request.timeoutMs <= this.callTimeoutMs ? request : { ...request, timeoutMs: this.callTimeoutMs };
  }

  private call<T>(verb: BackendVerb, ask: () => MaybePromise<T>, timeoutMs: number): MaybePromise<T> {
    if (!this.use.isOpen) this.open();
    if (this.calls?.heard === true) {
      const permit = this.acquire(timeoutMs);
      return this.calls.make(verb, () => this.made(permit, ask, timeoutMs));
    }
    return this.isUntroubled ? this.madeAtOnce(ask, timeoutMs) : this.made(this.acquire(timeoutMs), ask, timeoutMs);
  }

  /** There was no failure recently. Then a successful synchronous call changes nothing, so it needs no permit. */
  private madeAtOnce<T>(ask: () => MaybePromise<T>, timeoutMs: number): MaybePromise<T> {
    let answer: MaybePromise<T>;
    try {
      answer = ask();
    } catch (error) {
      throw this.failed(this.acquire(timeoutMs), error);
    }
    if (isPromise(answer)) return this.awaited(this.acquire(timeoutMs), answer, timeoutMs);
    this.connection.forget();
    return answer;
  }

  private get isUntroubled(): boolean {
    return !this.outage.isOn && this.guard?.isUntroubled === true;
  }

  private made<T>(permit: Permit | null, ask: () => MaybePromise<T>, timeoutMs: number): MaybePromise<T> {
    let answer: MaybePromise<T>;
    try {
      answer = ask();
    } catch (error) {
      throw this.failed(permit, error);
    }
    if (isPromise(answer)) return this.awaited(permit, answer, timeoutMs);
    this.succeeded(permit);
    return answer;
  }

  private awaited<T>(permit: Permit | null, answer: Promise<T>, timeoutMs: number): Promise<T> {
    return withDeadline(answer, timeoutMs, this.answeredLate).then(
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

  /** The backend answers again after a pause: the circuit that opened need not wait for the end of its period. */
  private readonly answeredLate = (): void => this.opened?.hasten();

  /** The breaker, if its circuit is open. */
  private get opened(): Breaker | null {
    return this.circuit === 'open' ? this.guard : null;
  }

  private succeeded(permit: Permit | null): void {
    permit?.success();
    // If the circuit is still open, this call started before it opened, and may have waited for a new connection.
    const { opened } = this;
    if (opened === null) this.connection.forget();
    else this.connection.look(opened);
    this.outage.answered();
  }

  /** Counts a failed call, and returns the error for the caller. */
  private failed(permit: Permit | null, error: unknown): unknown {
    if (!isInfrastructureError(error)) {
      permit?.release();
      return error;
    }
    permit?.failure(error);
    this.connection.look(this.opened);
    this.outage.failed(error);
    const unavailable = isBackendUnavailable(error);
    const cause = unavailable ? (error.cause ?? error) : error;
    const told = unavailable ? error.retryAfterMs : 0;
    const retryAfterMs = Math.max(told, this.guard?.status().retryAfterMs ?? 0);
    return BackendUnavailableError.of({ backend: this.name, retryAfterMs, cause });
  }

  private breakerWith(options: CircuitBreakerOptions | false): Breaker | null {
    this.circuit = 'closed';
    if (options === false) return null;
    const breaker = new Breaker({ name: breakerName(this.name), ...asForBackends(options), ...this.overrides });
    breaker.onTransition(({ to }) => {
      this.circuit = to;
    });
    return breaker;
  }
}
