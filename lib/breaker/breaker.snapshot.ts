import type { BreakerSnapshot } from '../contracts/breaker.js';
import { RateLimitConfigurationError } from '../contracts/errors.js';
import { close, currentStep, disable, forceOpen, modeOf, retryAfterMs } from './breaker.machine.js';
import type { CircuitState } from './circuit.state.js';
import type { BreakerSettings } from './breaker.options.js';

interface Moment {
  readonly state: CircuitState;
  readonly settings: BreakerSettings;
  readonly nowMs: number;
}

/** A monotonic clock has no meaning in another process, so a snapshot contains durations and the wall clock. */
export function takeSnapshot({
  state,
  settings,
  nowMs,
  tripCount,
}: Moment & { readonly tripCount: number }): BreakerSnapshot {
  return {
    version: 1,
    takenAt: Date.now(),
    mode: modeOf(state),
    state: state.kind === 'open' || state.kind === 'half-open' ? 'open' : 'closed',
    backoffStep: currentStep(state, nowMs, settings),
    tripCount,
    retryAfterMs: retryAfterMs(state, nowMs),
    closedForMs: state.kind === 'closed' ? nowMs - state.sinceMs : 0,
  };
}

/** The state of a snapshot, in a new generation. */
export function restoreSnapshot(snapshot: BreakerSnapshot, { state, settings, nowMs }: Moment): CircuitState {
  requireSnapshot(snapshot);
  const generation = state.generation + 1;
  const step = snapshot.backoffStep;
  if (snapshot.mode === 'forced-open') return { ...forceOpen(state), step };
  if (snapshot.mode === 'disabled') return disable(state, step);
  // If the wall clock stepped back, no time has passed. If it jumped ahead, a probe is due, which is harmless.
  const passedMs = Math.max(0, Date.now() - snapshot.takenAt);
  if (snapshot.state === 'closed') return close(state, nowMs - snapshot.closedForMs - passedMs, step);
  const leftMs = Math.max(0, Math.min(snapshot.retryAfterMs, settings.backoffMaxMs) - passedMs);
  return { kind: 'open', generation, step: Math.max(1, step), sinceMs: nowMs, untilMs: nowMs + leftMs, share: 1 };
}

function requireSnapshot(snapshot: BreakerSnapshot): void {
  const valid =
    typeof snapshot === 'object' &&
    snapshot !== null &&
    snapshot.version === 1 &&
    ['auto', 'forced-open', 'disabled'].includes(snapshot.mode) &&
    ['closed', 'open'].includes(snapshot.state) &&
    [snapshot.backoffStep, snapshot.tripCount].every((count) => Number.isSafeInteger(count) && count >= 0) &&
    [snapshot.takenAt, snapshot.retryAfterMs, snapshot.closedForMs].every((ms) => Number.isFinite(ms) && ms >= 0);
  if (!valid)
    throw new RateLimitConfigurationError('snapshot', snapshot, 'Give the return value of Breaker#snapshot().');
}
