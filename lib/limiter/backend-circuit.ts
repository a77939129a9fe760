import { Breaker } from '../breaker/breaker.js';
import type { Backend } from '../contracts/backend.js';
import type { BreakerState, CircuitBreakerOptions, Permit } from '../contracts/breaker.js';
import { Deferred } from '../contracts/deferred.js';
import { BackendUnavailableError, type DeadlineExceededError, isBackendUnavailable } from '../contracts/errors.js';
import type { RateLimitListener } from '../contracts/events.js';
import { isPromise, type MaybePromise } from '../contracts/maybe-promise.js';
import { asForBackends, breakerName } from './backend-breaker.js';
import { ConnectionWatch } from './connection-watch.js';
import { DeadlineWait } from './deadline.js';
import { isInfrastructureError } from './infrastructure.js';
import { OutageRecord } from './outage-record.js';

/**
 * The deadline and the circuit breaker around the calls to one backend, with its connection and its outage.
 *
 * Infrastructure errors count in the breaker and become a `BackendUnavailableError`. Every other error is thrown
 * unchanged and does not count.
 */
export class BackendCircuit {
  private guard: Breaker | null;
  private state: BreakerState = 'closed';
  private readonly connection: ConnectionWatch;
  private outage: OutageRecord;

  /** @param overrides options that override those of the backend and the application */
  constructor(
    private readonly backend: Backend,
    private readonly overrides: CircuitBreakerOptions,
  ) {
    this.connection = new ConnectionWatch(backend);
    this.outage = new OutageRecord(backend.name, () => undefined);
    this.guard = this.breakerWith(backend.circuitBreaker ?? {});
  }

  /** `null` if the backend has no breaker. */
  get breaker(): Breaker | null {
    return this.guard;
  }

  get isClosed(): boolean {
    return this.state === 'closed';
  }

  /** Takes the options of an application, and reports outages to it. */
  configure(options: CircuitBreakerOptions | false, notify: RateLimitListener): void {
    this.outage = new OutageRecord(this.backend.name, notify);
    this.guard = this.breakerWith(options);
  }

  /** The backend has a new connection. */
  connected(): void {
    this.connection.connected(this.opened);
  }

  /** @throws BackendUnavailableError while the circuit is open, or if the call fails */
  call<T>(ask: () => MaybePromise<T>, timeoutMs: number): MaybePromise<T> {
    return this.isUntroubled ? this.askAtOnce(ask, timeoutMs) : this.ask(this.acquire(timeoutMs), ask, timeoutMs);
  }

  /** @throws BackendUnavailableError while the circuit is open */
  acquire(timeoutMs: number): Permit | null {
    if (this.guard === null) return null;
    const { opened } = this;
    const permit = opened === null || this.connection.mayBeAsked(opened) ? this.guard.tryAcquire(timeoutMs) : undefined;
    if (permit !== undefined) return permit;
    const cause = this.guard.rejection();
    throw BackendUnavailableError.of({ backend: this.backend.name, retryAfterMs: cause.retryAfterMs, cause });
  }

  /** Makes a call that has its permit. */
  ask<T>(permit: Permit | null, ask: () => MaybePromise<T>, timeoutMs: number): MaybePromise<T> {
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

  private get isUntroubled(): boolean {
    return !this.outage.isOn && this.guard?.isUntroubled === true;
  }

  /** There was no failure recently. Then a successful synchronous call changes nothing, so it needs no permit. */
  private askAtOnce<T>(ask: () => MaybePromise<T>, timeoutMs: number): MaybePromise<T> {
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

  private awaited<T>(permit: Permit | null, answer: Promise<T>, timeoutMs: number): Promise<T> {
    const awaited = new Deferred<T>();
    const wait = new CallWait(timeoutMs, this, permit, awaited.reject);
    answer.then(
      (value) => {
        if (!wait.end()) return this.answeredLate();
        this.succeeded(permit);
        awaited.resolve(value);
      },
      (error: unknown) => {
        if (wait.end()) awaited.reject(this.failed(permit, error));
      },
    );
    return awaited.promise;
  }

  /** The backend answers again after a pause: the circuit that opened need not wait for the end of its period. */
  private answeredLate(): void {
    this.opened?.hasten();
  }

  /** The breaker, if its circuit is open. */
  private get opened(): Breaker | null {
    return this.state === 'open' ? this.guard : null;
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
  failed(permit: Permit | null, error: unknown): unknown {
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
    return BackendUnavailableError.of({ backend: this.backend.name, retryAfterMs, cause });
  }

  private breakerWith(options: CircuitBreakerOptions | false): Breaker | null {
    this.state = 'closed';
    if (options === false) return null;
    const breaker = new Breaker({ name: breakerName(this.backend.name), ...asForBackends(options), ...this.overrides });
    breaker.onTransition(({ to }) => {
      this.state = to;
    });
    return breaker;
  }
}

/** The wait for an answer of a backend: one promise and one object for its deadline, its permit and its caller. */
class CallWait extends DeadlineWait {
  constructor(
    timeoutMs: number,
    private readonly circuit: BackendCircuit,
    private readonly permit: Permit | null,
    private readonly reject: (error: unknown) => void,
  ) {
    super(timeoutMs);
  }

  protected override expired(error: DeadlineExceededError): void {
    this.reject(this.circuit.failed(this.permit, error));
  }
}
