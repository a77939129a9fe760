import type { BreakerMode, BreakerState } from '../contracts/breaker.js';
import type { BreakerSettings } from './breaker.options.js';
import type {
  Admission,
  CircuitState,
  Closed,
  Disabled,
  ForcedOpen,
  Generation,
  HalfOpen,
  Open,
} from './circuit.state.js';
import { countFailure, countSuccess, sameTally, type Tally } from './trip-rules.js';

/**
 * The minimum length of the k-th open period, even if the service seems to work again: 0, 1, 3, 7, … times this, up to
 * `recoveryTimeout`. So a service that only seems to work is tried less and less.
 */
const LEAST_OPEN_MS = 1_000;

/** Applies the passed time: a probe whose lease has ended opens the circuit, at that moment. */
export function elapse(state: CircuitState, nowMs: number, settings: BreakerSettings): CircuitState {
  if (state.kind !== 'half-open') return state;
  const earliestMs = Math.min(...state.leases);
  return earliestMs <= nowMs ? open(state, earliestMs, settings) : state;
}

/** Admits a call, or returns `undefined`: it is rejected. */
export function admit(
  state: CircuitState,
  nowMs: number,
  settings: BreakerSettings,
  callTimeoutMs: number,
): CircuitState | undefined {
  switch (state.kind) {
    case 'closed':
    case 'disabled':
      return state;
    case 'forced-open':
      return undefined;
    case 'open':
      if (nowMs < state.untilMs) return undefined;
      return { kind: 'half-open', ...next(state), successes: 0, leases: [nowMs + leaseMs(settings, callTimeoutMs)] };
    case 'half-open':
      if (state.leases.length >= settings.halfOpenMaxCalls) return undefined;
      return { ...state, leases: [...state.leases, nowMs + leaseMs(settings, callTimeoutMs)] };
    default:
      return state satisfies never;
  }
}

/**
 * Whether the outcome of a call counts: in the generation that admitted it. For a stream that was a probe, also in the
 * closed circuit after its generation.
 */
export function hears(state: CircuitState, admission: Admission): boolean {
  if (state.generation === admission.generation) return true;
  return admission.kind === 'answered' && state.kind === 'closed' && state.probes === admission.generation;
}

/** A call of this generation succeeded. */
export function succeed(
  state: CircuitState,
  admission: Admission,
  nowMs: number,
  settings: BreakerSettings,
): CircuitState {
  if (state.kind === 'closed') {
    const tally = countSuccess(state.tally, nowMs, settings);
    return tally === state.tally ? state : counted(state, tally);
  }
  if (state.kind !== 'half-open' || admission.kind === 'answered') return state;
  const successes = state.successes + 1;
  if (successes >= settings.successThreshold) {
    return { ...close(state, nowMs, state.step), probes: state.generation };
  }
  return { ...release(state, admission), successes };
}

/**
 * A call of this generation failed.
 *
 * @param suspected whether other processes report that the service is down: then one failure opens the circuit
 */
export function fail(state: CircuitState, nowMs: number, settings: BreakerSettings, suspected: boolean): CircuitState {
  if (state.kind === 'half-open') return open(state, nowMs, settings);
  if (state.kind !== 'closed') return state;
  const tally = countFailure(state.tally, nowMs, settings);
  return suspected || tally.trips(nowMs, settings) ? open(state, nowMs, settings) : counted(state, tally);
}

/** A call of this generation ended without an outcome that counts. */
export function release<S extends CircuitState>(state: S, admission: Admission): S {
  if (state.kind !== 'half-open' || admission.kind !== 'half-open') return state;
  const slot = state.leases.indexOf(admission.leases.at(-1) as number);
  return { ...state, leases: state.leases.filter((_, index) => index !== slot) };
}

/** The closed state, after any state. */
export function close(state: CircuitState, nowMs: number, step: number): Closed {
  return {
    kind: 'closed',
    generation: state.generation + 1,
    step,
    sinceMs: nowMs,
    tally: undefined,
    probes: undefined,
  };
}

export function forceOpen(state: CircuitState): ForcedOpen {
  return { kind: 'forced-open', ...next(state) };
}

export function disable(state: CircuitState, step: number): Disabled {
  return { kind: 'disabled', generation: state.generation + 1, step };
}

/** The same state with other settings: an open period can become shorter, never longer. */
export function reconfigure(state: CircuitState, before: BreakerSettings, after: BreakerSettings): CircuitState {
  if (state.kind === 'closed') return sameTally(before, after) ? state : { ...state, tally: undefined };
  if (state.kind !== 'open') return state;
  // Keeps the drawn jitter, so that breakers with the same configuration do not probe together.
  const untilMs = state.sinceMs + periodMs(state.step, after) * state.share;
  return untilMs < state.untilMs ? { ...state, untilMs } : state;
}

/**
 * An open circuit whose next probe is due as early as possible, because the service seems to work again. The period
 * still counts in the backoff: the failures themselves may have caused that impression.
 */
export function hasten(state: CircuitState, nowMs: number, settings: BreakerSettings): CircuitState {
  if (state.kind !== 'open') return state;
  const leastMs = Math.min(LEAST_OPEN_MS * (2 ** (state.step - 1) - 1), settings.recoveryTimeoutMs);
  const untilMs = Math.max(nowMs, state.sinceMs + leastMs);
  return untilMs < state.untilMs ? { ...state, untilMs } : state;
}

/** An open circuit that takes over the probe of another process: its backoff, and the time of the next probe. */
export function follow(state: CircuitState, untilMs: number, step: number): CircuitState {
  return state.kind === 'open' ? { ...state, untilMs, step: Math.max(state.step, step) } : state;
}

/** A closed circuit that other processes open, until their next probe is due. */
export function openUntil(state: Closed, nowMs: number, untilMs: number): Open {
  return { kind: 'open', generation: state.generation + 1, step: state.step + 1, sinceMs: nowMs, untilMs, share: 1 };
}

/** Whether a probe has been due for as long as the longest open period. */
export function isOverdue(state: CircuitState, nowMs: number, settings: BreakerSettings): boolean {
  return state.kind === 'open' && nowMs - state.untilMs >= settings.backoffMaxMs;
}

/** The public status of a state. */
export function shownState({ kind }: CircuitState): BreakerState {
  if (kind === 'forced-open') return 'open';
  return kind === 'disabled' ? 'closed' : kind;
}

/** The mode of a state: the machine decides, unless the breaker was forced open or disabled. */
export function modeOf({ kind }: CircuitState): BreakerMode {
  return kind === 'forced-open' || kind === 'disabled' ? kind : 'auto';
}

/** Time until the next probe is due; 0 if it is, and in every other state. */
export function retryAfterMs(state: CircuitState, nowMs: number): number {
  return state.kind === 'open' ? Math.max(0, Math.ceil(state.untilMs - nowMs)) : 0;
}

/** The backoff step of a trip at `nowMs`: it starts again if the circuit stayed closed long enough. */
export function currentStep(state: CircuitState, nowMs: number, settings: BreakerSettings): number {
  return state.kind === 'closed' && nowMs - state.sinceMs >= settings.resetTimeoutMs ? 0 : state.step;
}

function open(state: Closed | HalfOpen, nowMs: number, settings: BreakerSettings): Open {
  const step = currentStep(state, nowMs, settings) + 1;
  const share = 1 - settings.jitter * settings.random();
  const untilMs = nowMs + periodMs(step, settings) * share;
  return { kind: 'open', generation: state.generation + 1, step, sinceMs: nowMs, untilMs, share };
}

/** Length of the k-th open period, before jitter. */
function periodMs(step: number, settings: BreakerSettings): number {
  return Math.min(settings.backoffMaxMs, settings.recoveryTimeoutMs * settings.backoffMultiplier ** (step - 1));
}

/** How long a probe may take before its slot counts as lost. */
export function leaseMs(settings: BreakerSettings, callTimeoutMs: number): number {
  const longestMs = Math.max(settings.callTimeoutMs, callTimeoutMs);
  return longestMs > 0 ? 2 * longestMs : settings.recoveryTimeoutMs;
}

function next({ generation, step }: CircuitState): Generation {
  return { generation: generation + 1, step };
}

/** Not written with `...`, which takes ten times as long: it runs for each failing call. */
function counted({ generation, step, sinceMs, probes }: Closed, tally: Tally | undefined): Closed {
  return { kind: 'closed', generation, step, sinceMs, tally, probes };
}
