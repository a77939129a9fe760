import type { BreakerTransition } from '../contracts/breaker.js';
import { isDeadlineExceeded, isFailureResultError } from '../contracts/errors.js';
import {
  admit,
  elapse,
  fail,
  follow,
  hears,
  leaseMs,
  openUntil,
  release,
  shownState,
  succeed,
} from './breaker.machine.js';
import { INITIAL_STATE, type Admission, type CircuitState } from './circuit.state.js';
import type { BreakerSettings } from './breaker.options.js';
import type { CircuitPeers } from './circuit.peers.js';
import { NOBODY, notify } from './transition.listeners.js';

/** The state that other processes need of a circuit that is not closed. */
export interface CircuitStanding {
  readonly state: 'open' | 'half-open';
  readonly step: number;
  readonly tripCount: number;
  readonly dueInMs: number;
}

/** The state of one breaker: it admits calls and receives their outcomes. The machine itself is pure. */
export abstract class Circuit {
  protected state: CircuitState = INITIAL_STATE;
  protected listeners = NOBODY;
  protected tripCount = 0;
  protected lateOutcomes = 0;
  private peers: CircuitPeers | undefined;

  protected constructor(
    readonly name: string,
    protected settings: BreakerSettings,
  ) {}

  /**
   * A call ended. For the rule for slow calls, a slow success is a failure.
   *
   * @internal
   */
  settle(admission: Admission, startedMs: number, success: boolean): void {
    if (!success) return this.verdict(admission, false, this.failureTime());
    const { state, settings } = this;
    const { trip } = settings;
    const heard = state.generation === admission.generation;
    // Nearly every call ends here: there are no failures that its success would end.
    if (heard && state.kind === 'closed' && state.tally === undefined && trip.kind === 'consecutive') return;
    const nowMs = settings.clock();
    this.verdict(admission, !this.isSlow(startedMs, nowMs), nowMs);
  }

  /**
   * A stream gave its first value. Returns what its later outcome must present.
   *
   * @internal
   */
  answered(admission: Admission, startedMs: number): Admission {
    if (admission.kind !== 'half-open') return admission;
    this.settle(admission, startedMs, true);
    return { kind: 'answered', generation: admission.generation };
  }

  /**
   * A call was not made, or its caller gave up.
   *
   * @internal
   */
  release(admission: Admission): void {
    if (this.state.kind !== 'half-open') return;
    this.elapse(this.settings.clock());
    if (hears(this.state, admission)) this.state = release(this.state, admission);
  }

  /**
   * A passed deadline is always a failure; so is an error for which `isFailure` throws.
   *
   * @internal
   */
  isFailure(error: unknown): boolean {
    if (isDeadlineExceeded(error) || isFailureResultError(error)) return true;
    try {
      return this.settings.isFailure(error);
    } catch {
      return true;
    }
  }

  /**
   * Whether a result is a failure; also if `isFailureResult` throws.
   *
   * @internal
   */
  isFailureResult(result: unknown): boolean {
    const { settings } = this;
    if (settings.isFailureResult === undefined) return false;
    try {
      return settings.isFailureResult(result);
    } catch {
      return true;
    }
  }

  /**
   * The time from which a stream counts as slow after its first value: never, or always if that was slow.
   *
   * @internal
   */
  startOf(startedMs: number): number {
    if (this.settings.trip.kind !== 'slow') return Number.NaN;
    return this.isSlow(startedMs, this.settings.clock()) ? Number.NEGATIVE_INFINITY : Number.NaN;
  }

  /**
   * Connects the circuit with other processes.
   *
   * @returns a function that ends it
   * @internal
   */
  join(peers: CircuitPeers): () => void {
    this.peers = peers;
    return () => {
      if (this.peers === peers) this.peers = undefined;
    };
  }

  /** The time of this circuit. @internal */
  nowMs(): number {
    return this.settings.clock();
  }

  /**
   * The state for other processes; `undefined` while it is closed, forced open or disabled.
   *
   * @internal
   */
  standing(): CircuitStanding | undefined {
    const { state, tripCount } = this;
    if (state.kind !== 'open' && state.kind !== 'half-open') return undefined;
    const dueInMs = state.kind === 'open' ? Math.max(0, state.untilMs - this.nowMs()) : 0;
    return { state: state.kind, step: state.step, tripCount, dueInMs };
  }

  /**
   * While open: takes over the time of the next probe and the backoff, because another process made a probe.
   *
   * @internal
   */
  follow(dueInMs: number, step = 0): void {
    this.state = follow(this.state, this.nowMs() + dueInMs, step);
  }

  /**
   * Opens a closed circuit because enough other processes report it as open.
   *
   * @internal
   */
  openFor(dueInMs: number): void {
    const nowMs = this.nowMs();
    if (this.state.kind === 'closed') this.become(openUntil(this.state, nowMs, nowMs + dueInMs), 'peers');
  }

  /** Only the rule for slow calls needs the duration of a call. */
  protected startedMs(): number {
    return this.settings.trip.kind === 'slow' ? this.settings.clock() : Number.NaN;
  }

  /**
   * The current time, if the admission of a call needs it: a closed machine ignores the time, so a healthy call reads
   * no clock.
   */
  protected admissionTime(): number {
    return shownState(this.state) === 'closed' ? 0 : this.settings.clock();
  }

  protected admit(nowMs: number, callTimeoutMs = 0): CircuitState | undefined {
    this.elapse(nowMs);
    const admission = admit(this.state, nowMs, this.settings, callTimeoutMs);
    if (admission !== undefined && admission !== this.state) {
      if (this.peers?.mayProbe(nowMs, leaseMs(this.settings, callTimeoutMs)) === false) return undefined;
      this.become(admission, 'due');
    }
    // Do not use the current state: a listener may have changed it, and then the outcome of this call is late.
    return admission;
  }

  protected become(next: CircuitState, reason: BreakerTransition['reason']): void {
    const from = shownState(this.state);
    const to = shownState(next);
    if (next.kind === 'open' && reason !== 'restored') this.tripCount += 1;
    this.state = next;
    if (from !== to) notify(this.listeners, { breaker: this.name, from, to, reason });
  }

  private verdict(admission: Admission, success: boolean, nowMs: number): void {
    this.elapse(nowMs);
    const { state, settings } = this;
    if (!hears(state, admission)) {
      if (admission.kind !== 'disabled') this.lateOutcomes += 1;
    } else if (success) {
      this.become(succeed(state, admission, nowMs, settings), 'recovered');
    } else {
      const suspected = this.peers?.suspect(nowMs) ?? false;
      this.become(fail(state, nowMs, settings, suspected), state.kind === 'closed' ? 'tripped' : 'probe-failed');
    }
  }

  /**
   * The current time, if a failure needs it: a closed machine that counts consecutive failures ignores the time, except
   * for the failure that trips it. With other processes, each failure may trip it.
   */
  private failureTime(): number {
    const { state, settings } = this;
    const inRow = this.peers === undefined && state.kind === 'closed' && settings.trip.kind === 'consecutive';
    return inRow && (state.tally?.failures(0) ?? 0) + 1 < settings.failureThreshold ? 0 : settings.clock();
  }

  private isSlow(startedMs: number, nowMs: number): boolean {
    const { trip } = this.settings;
    return trip.kind === 'slow' && nowMs - startedMs >= trip.slowCallMs;
  }

  private elapse(nowMs: number): void {
    const later = elapse(this.state, nowMs, this.settings);
    if (later !== this.state) this.become(later, 'probe-lost');
  }
}
