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

/** Options of a breaker that stands alone. */
export type BreakerOptions = BreakerTuning & {
  /** Shown in status, errors and transitions. Default `'breaker'`. */
  readonly name?: string;
};

/** Hears how a call of `execute` ends: the handlers of its promise, which cost more to make than all the rest. */
interface CallWatch {
  readonly generation: number;
  readonly succeeded: <T>(value: T) => T;
  readonly failed: (error: unknown) => PromiseLike<never>;
}

/**
 * A circuit breaker: after enough failures it rejects calls at once instead of making them, and after a while lets a
 * few probes find out whether what is called has recovered.
 *
 * It owns no timer: time is looked at when a call or an outcome comes. Nothing is queued.
 *
 * @example
 * const breaker = new Breaker({ name: 'payments', callTimeout: '2s' });
 * const receipt = await breaker.execute((signal) => fetch(url, { signal }));
 */
export class Breaker extends Circuit {
  /** Of the closed period that last made a call: its calls differ in nothing, and share it. */
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
   * @param options `signal`: the caller's; a call that it aborts rejects with its reason and is no verdict
   * @returns what `fn` returns; rejects with what `fn` throws
   * @throws CircuitOpenError (as a rejection) when the call is not made
   * @throws DeadlineExceededError (as a rejection) when `callTimeout` passes; always a failure
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
   * Leave to make one call, to be settled by the caller; `undefined` when it is rejected (see `rejection`).
   *
   * @param callTimeoutMs deadline of this call where it is longer than `callTimeout`, in ms; for so long a probe is
   * waited for, twice over. Default: `callTimeout`.
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
   * Whether a call is let through now, and its success would change nothing: so who makes it at once needs no permit.
   *
   * @internal
   */
  get isUntroubled(): boolean {
    const { state, settings } = this;
    return state.kind === 'closed' && state.tally === undefined && settings.trip.kind === 'consecutive';
  }

  /** The error for a call that is rejected now: without a stack, so that it costs little. */
  rejection(): CircuitOpenError {
    return CircuitOpenError.of(this.name, retryAfterMs(this.state, this.settings.clock()));
  }

  /** Hears of every transition from now on. Answers the function that ends it. What a listener throws is dropped. */
  onTransition(listener: BreakerTransitionListener): () => void {
    // A function of its own, so that one listener given twice is heard twice and each can be ended.
    const heard: BreakerTransitionListener = (transition) => listener(transition);
    this.listeners = [...this.listeners, heard];
    return () => {
      this.listeners = this.listeners.filter((other) => other !== heard);
    };
  }

  /** What the breaker is up to. Reading it changes nothing. */
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
   * Closes the circuit and starts the backoff over. Calls in flight count no more. A forced-open breaker is back in
   * the machine's hands; a disabled one stays disabled.
   */
  reset(): void {
    const { state, settings } = this;
    this.become(state.kind === 'disabled' ? disable(state, 0) : close(state, settings.clock(), 0), 'reset');
  }

  /**
   * Makes the next probe due at once; where a probe has failed already, a second after the circuit opened at the
   * earliest, then three, and so on. Something says that what is called is back.
   *
   * @internal
   */
  hasten(): void {
    this.state = hasten(this.state, this.settings.clock(), this.settings);
  }

  /**
   * Whether a probe has been due for `backoffMax` or longer, and nobody made it.
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

  /** Lets every call pass, unobserved, until `enable` or `forceOpen`; `callTimeout` still holds. */
  disable(): void {
    if (this.state.kind !== 'disabled') this.become(disable(this.state, this.state.step), 'forced');
  }

  /** Hands a forced-open or disabled breaker back to the machine: closed, with the backoff where it was. */
  enable(): void {
    const { state, settings } = this;
    if (modeOf(state) !== 'auto') this.become(close(state, settings.clock(), state.step), 'forced');
  }

  /**
   * Changes the options that are given and keeps the rest, the state, the backoff and what was counted (unless the trip
   * rule is another). An open period may become shorter, never longer.
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

  /** What a restart must not forget, as plain JSON. */
  snapshot(): BreakerSnapshot {
    const { state, settings, tripCount } = this;
    return takeSnapshot({ state, settings, tripCount, nowMs: settings.clock() });
  }

  /**
   * Goes on from a snapshot, less the time that has passed since. Calls in flight count no more.
   *
   * @throws RateLimitConfigurationError for anything that `snapshot` did not make
   */
  restore(snapshot: BreakerSnapshot): void {
    const { state, settings } = this;
    const restored = restoreSnapshot(snapshot, { state, settings, nowMs: settings.clock() });
    this.tripCount = snapshot.tripCount;
    this.become(restored, 'restored');
  }

  /** What hears how the call that begins now ends; `undefined`: it is rejected. */
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
