import { MemoryBackend } from '../backends/memory/memory.backend.js';
import type { Breaker } from '../breaker/breaker.js';
import type {
  Backend,
  BackendHealth,
  BackendRequest,
  ConsumeRequest,
  RefundRequest,
  RenewRequest,
  Reply,
} from '../contracts/backend.js';
import type { CircuitBreakerOptions } from '../contracts/breaker.js';
import { isBackendUnavailable, isConfigurationError } from '../contracts/errors.js';
import type { BackendVerb, RateLimitListener } from '../contracts/events.js';
import { failureReason } from '../contracts/failure-reason.js';
import { type MaybePromise, when } from '../contracts/maybe-promise.js';
import { BackendCalls } from '../observe/backend-calls.js';
import type { RateLimitEvents } from '../observe/rate-limit-events.js';
import { ownDeadlineMs } from './backend-breaker.js';
import { BackendCircuit } from './backend-circuit.js';
import { BackendUse } from './backend-use.js';
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

/** A backend behind its deadline and its circuit breaker, as an application uses it. */
export class GuardedBackend implements Backend {
  readonly name: string;
  private readonly circuit: BackendCircuit;
  /** The backend's own deadline; it applies if it is shorter than the deadline of the call. */
  private callTimeoutMs = Number.POSITIVE_INFINITY;
  private calls: BackendCalls | undefined;
  private readonly use: BackendUse;
  /** Leases. The memory backend does not need them. */
  private readonly units: PrepaidUnits | undefined;
  private readonly counters: Pick<Backend, 'recall' | 'consume' | 'peek' | 'refund' | 'reset'>;
  private opening = (): void => undefined;

  /** @param overrides options that override those of the backend and the application */
  constructor(
    readonly inner: Backend,
    overrides: CircuitBreakerOptions = {},
  ) {
    this.name = inner.name;
    this.units = inner instanceof MemoryBackend ? undefined : new PrepaidUnits(inner);
    this.counters = this.units ?? inner;
    this.circuit = new BackendCircuit(inner, overrides);
    this.use = new BackendUse(inner, () => this.circuit.connected());
  }

  /** `null` if the backend has no breaker. */
  get breaker(): Breaker | null {
    return this.circuit.breaker;
  }

  /** Whether the circuit is closed. */
  isClosed(): boolean {
    return this.circuit.isClosed;
  }

  /**
   * Joins an application: takes its defaults and reports outages to it. Called before the first call. Opens nothing.
   */
  connect({ circuitBreaker, timeoutMs, notify, events }: GuardSettings): void {
    if (events !== undefined) this.calls = new BackendCalls(events, this.name);
    const options = this.inner.circuitBreaker ?? circuitBreaker;
    this.circuit.configure(options && { callTimeout: timeoutMs, ...options }, notify);
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
      breaker: this.breaker?.status() ?? null,
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
    if (this.calls?.heard !== true) return this.circuit.call(ask, timeoutMs);
    // A call that the circuit rejects is not a call to the backend, and is not reported as one.
    const permit = this.circuit.acquire(timeoutMs);
    return this.calls.make(verb, () => this.circuit.ask(permit, ask, timeoutMs));
  }
}
