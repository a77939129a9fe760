import type {
  BreakerSnapshot,
  BreakerTransition,
  BreakerTransitionListener,
  CircuitBreakerStatus,
  Permit,
} from '../contracts/breaker.js';
import { CircuitOpenError, DeadlineExceededError, RateLimitConfigurationError } from '../contracts/errors.js';
import {
  admit,
  close,
  disable,
  elapse,
  fail,
  forceOpen,
  hasten,
  INITIAL_STATE,
  isOverdue,
  modeOf,
  reconfigure,
  release,
  retryAfterMs,
  shownState,
  succeed,
  type Admission,
  type CircuitState,
} from './breaker.machine.js';
import { type BreakerSettings, type BreakerTuning, toSettings } from './breaker.options.js';
import { restoreSnapshot, takeSnapshot } from './breaker.snapshot.js';
import { callWithin } from './call.deadline.js';
import { idleSignal } from './idle.signal.js';
import { Rejecting } from './rejecting.thenable.js';
import { NOBODY, notify } from './transition.listeners.js';

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
export class Breaker {
  readonly name: string;
  private settings: BreakerSettings;
  private state: CircuitState = INITIAL_STATE;
  private listeners = NOBODY;
  private tripCount = 0;
  private lateOutcomes = 0;
  /** Of the closed period that last made a call: its calls differ in nothing, and share it. */
  private watch: CallWatch | undefined;

  /** @throws RateLimitConfigurationError for an option that is unknown or out of range */
  constructor(options: BreakerOptions = {}) {
    const { name = 'breaker', ...tuning } = options;
    this.name = name;
    this.settings = toSettings(tuning);
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
    const admission = this.admit(this.admissionTime(), Number.isFinite(callTimeoutMs) ? callTimeoutMs : 0);
    return admission && new Breaker.CallPermit(this, admission, this.startedMs());
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
      nextAttemptAt: state.kind === 'open' ? new Date(Date.now() + Math.ceil(state.untilMs - nowMs)) : null,
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

  private static readonly CallPermit = class implements Permit {
    constructor(
      private readonly breaker: Breaker,
      private admission: Admission | undefined,
      private readonly startedMs: number,
    ) {}

    success(): void {
      const admission = this.take();
      if (admission !== undefined) this.breaker.succeeded(admission, this.startedMs);
    }

    failure(error: unknown): boolean {
      const admission = this.take();
      if (admission === undefined) return this.breaker.isFailure(error);
      return this.breaker.failed(admission, error);
    }

    release(): void {
      const admission = this.take();
      if (admission !== undefined) this.breaker.released(admission);
    }

    private take(): Admission | undefined {
      const { admission } = this;
      this.admission = undefined;
      return admission;
    }
  };

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
        this.succeeded(admission, startedMs);
        return value;
      },
      failed: (error) => {
        if (caller?.aborted === true) this.released(admission);
        else this.failed(admission, error);
        return new Rejecting(error);
      },
    };
  }

  /** Now, where a call's admission depends on it: a closed machine ignores the time, so a healthy call reads no clock. */
  private admissionTime(): number {
    return shownState(this.state) === 'closed' ? 0 : this.settings.clock();
  }

  /**
   * Now, where a failure's effect depends on it: a closed machine that counts failures in a row ignores the time, but for
   * the one that trips it.
   */
  private failureTime(): number {
    const { state, settings } = this;
    const inRow = state.kind === 'closed' && settings.trip.kind === 'consecutive';
    return inRow && (state.tally?.failures(0) ?? 0) + 1 < settings.failureThreshold ? 0 : settings.clock();
  }

  private admit(nowMs: number, callTimeoutMs = 0): Admission | undefined {
    this.elapse(nowMs);
    const admission = admit(this.state, nowMs, this.settings, callTimeoutMs);
    if (admission !== undefined && admission !== this.state) this.become(admission, 'due');
    // Not the state as it is now: a listener may have moved it on, and then this call's outcome is late.
    return admission;
  }

  private succeeded(admission: Admission, startedMs: number): void {
    const { state, settings } = this;
    const { trip } = settings;
    const heard = state.generation === admission.generation;
    // Nearly every call ends here: there are no failures that its success would end.
    if (heard && state.kind === 'closed' && state.tally === undefined && trip.kind === 'consecutive') return;
    const nowMs = settings.clock();
    if (trip.kind === 'slow' && nowMs - startedMs >= trip.slowCallMs) this.verdict(admission, false, nowMs);
    else this.verdict(admission, true, nowMs);
  }

  private failed(admission: Admission, error: unknown): boolean {
    const failure = this.isFailure(error);
    if (failure) this.verdict(admission, false, this.failureTime());
    else this.released(admission);
    return failure;
  }

  private verdict(admission: Admission, success: boolean, nowMs: number): void {
    this.elapse(nowMs);
    const { state, settings } = this;
    if (state.generation !== admission.generation) {
      if (admission.kind !== 'disabled') this.lateOutcomes += 1;
    } else if (success) {
      this.become(succeed(state, admission, nowMs, settings), 'recovered');
    } else {
      this.become(fail(state, nowMs, settings), state.kind === 'closed' ? 'tripped' : 'probe-failed');
    }
  }

  private released(admission: Admission): void {
    if (this.state.kind !== 'half-open') return;
    this.elapse(this.settings.clock());
    if (this.state.generation === admission.generation) this.state = release(this.state, admission);
  }

  private elapse(nowMs: number): void {
    const later = elapse(this.state, nowMs, this.settings);
    if (later !== this.state) this.become(later, 'probe-lost');
  }

  private become(next: CircuitState, reason: BreakerTransition['reason']): void {
    const from = shownState(this.state);
    const to = shownState(next);
    if (next.kind === 'open' && next.generation !== this.state.generation && reason !== 'restored') this.tripCount += 1;
    this.state = next;
    if (from !== to) notify(this.listeners, { breaker: this.name, from, to, reason });
  }

  /** A deadline that passed always is one; so is an error that the given test cannot judge. */
  private isFailure(error: unknown): boolean {
    if (error instanceof DeadlineExceededError) return true;
    try {
      return this.settings.isFailure(error);
    } catch {
      return true;
    }
  }

  /** Only the rule for slow calls asks how long a call took. */
  private startedMs(): number {
    return this.settings.trip.kind === 'slow' ? this.settings.clock() : Number.NaN;
  }
}

function isPromiseLike<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as PromiseLike<T> | null | undefined)?.then === 'function';
}
