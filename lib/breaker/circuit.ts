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

/** What other processes have to know of a circuit that is not closed. */
export interface CircuitStanding {
  readonly state: 'open' | 'half-open';
  readonly step: number;
  readonly tripCount: number;
  readonly dueInMs: number;
}

/** The state of one breaker: what lets calls through and hears how they end. The machine itself is pure. */
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
   * A call ended. A success that was slow is a failure to the rule for slow calls.
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
   * A stream gave its first value. Answers what its later outcome has to show.
   *
   * @internal
   */
  answered(admission: Admission, startedMs: number): Admission {
    if (admission.kind !== 'half-open') return admission;
    this.settle(admission, startedMs, true);
    return { kind: 'answered', generation: admission.generation };
  }

  /**
   * A call was not made, or was given up by its caller.
   *
   * @internal
   */
  release(admission: Admission): void {
    if (this.state.kind !== 'half-open') return;
    this.elapse(this.settings.clock());
    if (hears(this.state, admission)) this.state = release(this.state, admission);
  }

  /**
   * A deadline that passed is always a failure; so is an error that the given test cannot judge.
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
   * Whether a result says that the call failed. A result that the given test cannot judge does.
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
   * From when on a stream's time counts once its first value is there: never, or always if that was slow.
   *
   * @internal
   */
  startOf(startedMs: number): number {
    if (this.settings.trip.kind !== 'slow') return Number.NaN;
    return this.isSlow(startedMs, this.settings.clock()) ? Number.NEGATIVE_INFINITY : Number.NaN;
  }

  /**
   * Stands among other processes from now on.
   *
   * @returns ends it
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
   * What others have to know; `undefined` while it is closed, or in somebody's hands.
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
   * While open: when the next probe is due, for another process made one; and the backoff that it has come to.
   *
   * @internal
   */
  follow(dueInMs: number, step = 0): void {
    this.state = follow(this.state, this.nowMs() + dueInMs, step);
  }

  /**
   * Opens a closed circuit, for enough others say so.
   *
   * @internal
   */
  openFor(dueInMs: number): void {
    const nowMs = this.nowMs();
    if (this.state.kind === 'closed') this.become(openUntil(this.state, nowMs, nowMs + dueInMs), 'peers');
  }

  /** Only the rule for slow calls asks how long a call took. */
  protected startedMs(): number {
    return this.settings.trip.kind === 'slow' ? this.settings.clock() : Number.NaN;
  }

  /** Now, where a call's admission depends on it: a closed machine ignores the time, so a healthy call reads no clock. */
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
    // Not the state as it is now: a listener may have moved it on, and then this call's outcome is late.
    return admission;
  }

  protected become(next: CircuitState, reason: BreakerTransition['reason']): void {
    const from = shownState(this.state);
    const to = shownState(next);
    if (next.kind === 'open' && next.generation !== this.state.generation && reason !== 'restored') this.tripCount += 1;
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
