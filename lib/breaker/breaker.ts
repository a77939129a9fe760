import type { BreakerSnapshot, BreakerTransitionListener, CircuitBreakerStatus, Permit } from '../contracts/breaker.js';
import { CircuitOpenError, RateLimitConfigurationError } from '../contracts/errors.js';
import { wallMs } from '../contracts/process-time.js';
import {
  close,
  disable,
  forceOpen,
  hasten,
  isOverdue,
  modeOf,
  reconfigure,
  retryAfterMs,
  shownState,
} from './breaker.machine.js';
import type { Admission } from './circuit.state.js';
import { type BreakerTuning, toSettings } from './breaker.options.js';
import { restoreSnapshot, takeSnapshot } from './breaker.snapshot.js';
import { callWithin } from './call.deadline.js';
import { CallPermit } from './call.permit.js';
import { Circuit } from './circuit.js';
import { idleSignal } from './idle.signal.js';
import { Rejecting } from './rejecting.thenable.js';

/** Options of `new Breaker()`. */
export type BreakerOptions = BreakerTuning & {
  /** Shown in status, errors and transitions. Default `'breaker'`. */
  readonly name?: string;
};

/**
 * Receives the end of a call of `execute`. They are the handlers of its promise, which cost more to create than
 * everything else.
 */
interface CallWatch {
  readonly generation: number;
  readonly succeeded: <T>(value: T) => T;
  readonly failed: (error: unknown) => PromiseLike<never>;
}

/**
 * A circuit breaker. After enough failures it rejects calls immediately instead of making them. After a while it lets a
 * few probes find out whether the service works again.
 *
 * It has no timer of its own: it checks the time when a call or an outcome arrives. It has no queue.
 *
 * @example
 * const breaker = new Breaker({ name: 'payments', callTimeout: '2s' });
 * const receipt = await breaker.execute((signal) => fetch(url, { signal }));
 */
export class Breaker extends Circuit {
  /** The handlers of the last closed period: its calls are all alike and share them. */
  private watch: CallWatch | undefined;

  /** @throws RateLimitConfigurationError for an option that is unknown or out of range */
  constructor(options: BreakerOptions = {}) {
    const { name = 'breaker', ...tuning } = options;
    super(name, toSettings(tuning));
  }

  /** Deadline of one call, in ms; 0: none. */
  get callTimeoutMs(): number {
    return this.settings.callTimeoutMs;
  }

  /**
   * Makes a call, if the circuit lets it.
   *
   * @param fn synchronous or asynchronous; its signal is aborted at `callTimeout` and when the caller aborts
   * @param options `signal`: the caller's signal; if it aborts, the call rejects with its reason and is not counted
   * @returns what `fn` returns; rejects with what `fn` throws
   * @throws CircuitOpenError (as a rejection) if the call is rejected
   * @throws DeadlineExceededError (as a rejection) after `callTimeout`; always a failure
   */
  execute<T>(
    fn: (signal: AbortSignal) => T | PromiseLike<T>,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<T> {
    const caller = options?.signal;
    if (caller?.aborted === true) return Promise.reject(caller.reason as Error);
    const watch = this.beginCall(caller);
    if (watch === undefined) return Promise.resolve(new Rejecting(this.rejection()));
    let work: T | PromiseLike<T>;
    try {
      const { callTimeoutMs: timeoutMs } = this.settings;
      work = timeoutMs === 0 && caller === undefined ? fn(idleSignal()) : callWithin(fn, { timeoutMs, caller });
    } catch (error) {
      return Promise.resolve(watch.failed(error));
    }
    if (work instanceof Promise) return (work as Promise<T>).then(watch.succeeded, watch.failed);
    if (isPromiseLike(work)) return Promise.resolve(work).then(watch.succeeded, watch.failed);
    return Promise.resolve(watch.succeeded(work));
  }

  /**
   * Returns a permit for one call, which the caller settles; `undefined` if the call is rejected (see `rejection`).
   *
   * @param callTimeoutMs deadline of this call if it is longer than `callTimeout`, in ms. A probe has twice this time.
   * Default: `callTimeout`.
   */
  tryAcquire(callTimeoutMs = 0): Permit | undefined {
    return this.acquire(Number.isFinite(callTimeoutMs) ? callTimeoutMs : 0);
  }

  /**
   * As `tryAcquire`, for a call that may be a stream.
   *
   * @internal
   */
  acquire(callTimeoutMs = 0): CallPermit | undefined {
    const admission = this.admit(this.admissionTime(), callTimeoutMs);
    return admission && new CallPermit(this, admission, this.startedMs());
  }

  /**
   * Whether a call passes now and its success would change nothing. Then a call that runs immediately needs no permit.
   *
   * @internal
   */
  get isUntroubled(): boolean {
    const { state, settings } = this;
    return state.kind === 'closed' && state.tally === undefined && settings.trip.kind === 'consecutive';
  }

  /** The error of a call that is rejected now. It has no stack, so it is cheap. */
  rejection(): CircuitOpenError {
    return CircuitOpenError.of(this.name, retryAfterMs(this.state, this.settings.clock()));
  }

  /**
   * Calls the listener for every transition from now on. Returns a function that removes it. Errors of a listener are
   * ignored.
   */
  onTransition(listener: BreakerTransitionListener): () => void {
    // A function of its own, so that one listener given twice is heard twice and each can be ended.
    const heard: BreakerTransitionListener = (transition) => listener(transition);
    this.listeners = [...this.listeners, heard];
    return () => {
      this.listeners = this.listeners.filter((other) => other !== heard);
    };
  }

  /** The status of the breaker. Reading it changes nothing. */
  status(): CircuitBreakerStatus {
    const { state, settings } = this;
    const nowMs = settings.clock();
    return {
      name: this.name,
      state: shownState(state),
      mode: modeOf(state),
      failureCount: (state.kind === 'closed' && state.tally?.failures(nowMs)) || 0,
      failureThreshold: settings.failureThreshold,
      tripCount: this.tripCount,
      nextAttemptAt: state.kind === 'open' ? new Date(wallMs() + Math.ceil(state.untilMs - nowMs)) : null,
      retryAfterMs: retryAfterMs(state, nowMs),
      lateOutcomes: this.lateOutcomes,
    };
  }

  /**
   * Closes the circuit, and open periods start again. Outcomes of running calls are ignored. It ends `forceOpen`; a
   * disabled breaker stays disabled.
   */
  reset(): void {
    const { state, settings } = this;
    this.become(state.kind === 'disabled' ? disable(state, 0) : close(state, settings.clock(), 0), 'reset');
  }

  /**
   * Makes the next probe due immediately, because the service seems to work again. If a probe has failed before, it is
   * due at least a second after the circuit opened, then three, and so on.
   *
   * @internal
   */
  hasten(): void {
    this.state = hasten(this.state, this.settings.clock(), this.settings);
  }

  /**
   * Whether a probe has been due for at least `backoffMax` and was not made.
   *
   * @internal
   */
  isOverdue(): boolean {
    return isOverdue(this.state, this.settings.clock(), this.settings);
  }

  /** Rejects every call until `enable`, `disable` or `reset`. */
  forceOpen(): void {
    if (this.state.kind !== 'forced-open') this.become(forceOpen(this.state), 'forced');
  }

  /** Lets every call pass, uncounted, until `enable` or `forceOpen`. `callTimeout` still applies. */
  disable(): void {
    if (this.state.kind !== 'disabled') this.become(disable(this.state, this.state.step), 'forced');
  }

  /** Ends `forceOpen` or `disable`: the circuit is closed, and open periods continue where they were. */
  enable(): void {
    const { state, settings } = this;
    if (modeOf(state) !== 'auto') this.become(close(state, settings.clock(), state.step), 'forced');
  }

  /**
   * Changes the given options. Keeps the others, the state, the backoff and the counts (unless the trip rule changes).
   * An open period can become shorter, never longer.
   *
   * @throws RateLimitConfigurationError for an option that is unknown, out of range, or another `clock`
   */
  configure(options: BreakerTuning): void {
    const settings = toSettings(options, this.settings);
    if (settings.clock !== this.settings.clock) {
      throw new RateLimitConfigurationError('circuitBreaker.clock', options.clock, 'Give the clock to a new breaker.');
    }
    this.state = reconfigure(this.state, this.settings, settings);
    this.settings = settings;
    this.watch = undefined;
  }

  /** The state that survives a restart, as plain JSON. */
  snapshot(): BreakerSnapshot {
    const { state, settings, tripCount } = this;
    return takeSnapshot({ state, settings, tripCount, nowMs: settings.clock() });
  }

  /**
   * Continues from a snapshot, minus the time since then. Outcomes of running calls are ignored.
   *
   * @throws RateLimitConfigurationError for anything that `snapshot` did not create
   */
  restore(snapshot: BreakerSnapshot): void {
    const { state, settings } = this;
    const restored = restoreSnapshot(snapshot, { state, settings, nowMs: settings.clock() });
    this.tripCount = snapshot.tripCount;
    this.become(restored, 'restored');
  }

  /** The handlers for the end of a call that starts now; `undefined`: it is rejected. */
  private beginCall(caller: AbortSignal | undefined): CallWatch | undefined {
    const { watch } = this;
    if (caller === undefined && watch?.generation === this.state.generation) return watch;
    const admission = this.admit(this.admissionTime());
    if (admission === undefined) return undefined;
    const made = this.watchOver(admission, caller);
    // The rule for slow calls needs each call's own start, a probe's outcome its own lease, an abort its own caller.
    const alike = caller === undefined && admission.kind === 'closed' && this.settings.trip.kind !== 'slow';
    if (alike) this.watch = made;
    return made;
  }

  private watchOver(admission: Admission, caller: AbortSignal | undefined): CallWatch {
    const startedMs = this.startedMs();
    return {
      generation: admission.generation,
      succeeded: (value) => {
        this.settle(admission, startedMs, !this.isFailureResult(value));
        return value;
      },
      failed: (error) => {
        if (caller?.aborted === true) this.release(admission);
        else this.settle(admission, startedMs, !this.isFailure(error));
        return new Rejecting(error);
      },
    };
  }
}

function isPromiseLike<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as PromiseLike<T> | null | undefined)?.then === 'function';
}
