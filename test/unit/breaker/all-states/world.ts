import { INITIAL_STATE, type Admission, type CircuitState } from '../../../../lib/breaker/circuit.state.js';
import { SteppedBreaker } from './stepped.breaker.js';
import {
  BOUNDS,
  counted,
  CROWD,
  EARLY,
  FIRST_SIGHT,
  handled,
  isHeard,
  LEASE,
  must,
  OLD,
  REJECTED,
  seen,
  type SeenCall,
  TICK_MS,
  type Verb,
  type Witness,
} from './witness.js';

interface Call extends SeenCall {
  readonly admission: Admission;
}

/** All there is at one moment. Callers are alike: who has no call is not in the list. */
export interface World {
  readonly nowMs: number;
  readonly state: CircuitState;
  readonly calls: readonly Call[];
  readonly witness: Witness;
}

export interface Step {
  readonly verb: Verb;
  /** Place of the call among those in flight. */
  readonly place: number;
}

export const FIRST_WORLD: World = { nowMs: 0, state: INITIAL_STATE, calls: [], witness: FIRST_SIGHT };

const breaker = new SteppedBreaker({
  failureThreshold: BOUNDS.failureThreshold,
  successThreshold: BOUNDS.successThreshold,
  halfOpenMaxCalls: BOUNDS.permittedProbes,
  recoveryTimeout: BOUNDS.openMs,
  backoffMax: BOUNDS.longestOpenMs,
  resetTimeout: BOUNDS.resetMs,
  callTimeout: BOUNDS.leaseMs / 2,
  jitter: 0,
});

const ENDS = ['success', 'failure', 'release', 'lose'] as const;
const BY_HAND = ['tick', 'reset', 'hasten', 'forceOpen', 'disable', 'enable'] as const;

/** All that can happen next. */
export function steps({ calls }: World): Step[] {
  const all: Step[] = BY_HAND.map((verb) => ({ verb, place: -1 }));
  if (calls.length < BOUNDS.callers) all.push({ verb: 'acquire', place: calls.length });
  calls.forEach(({ answered }, place) => {
    for (const verb of ENDS) all.push({ verb, place });
    if (!answered) all.push({ verb: 'value', place });
  });
  return all;
}

/** The world after a step of the real breaker. Throws a `Violation` if that is not what must happen. */
export function after(world: World, { verb, place }: Step): World {
  if (verb === 'tick') return { ...world, nowMs: world.nowMs + TICK_MS };
  const { nowMs } = world;
  const call = world.calls[place];
  breaker.put(world.state, nowMs);
  const { calls, admitted } = make(world, verb, place);
  const { present: state, transitions } = breaker;
  let { witness } = world;
  for (const transition of transitions) witness = seen(witness, transition, { verb, call, nowMs });
  const lost = transitions.filter(({ reason }) => reason === 'probe-lost').length;
  if (call !== undefined && verb !== 'lose') {
    const known = world.witness;
    // What a lease that ran out has just done comes before the outcome of the call.
    const mayCount = lost === 0 && isHeard(known, call);
    if (!mayCount) must(OLD, transitions.length === lost && (lost > 0 || state === world.state));
    else if (transitions.length === 0) witness = counted(known, verb, call);
    checkLate(world, verb, call, mayCount);
  }
  if (verb === 'acquire') witness = acquired(witness, transitions.length > lost, admitted, nowMs);
  witness = handled(witness, verb, nowMs);
  const looksAtLeases = verb === 'acquire' || verb === 'success' || verb === 'failure' || verb === 'release';
  must(LEASE, !looksAtLeases || witness.probes.every((deadlineMs) => deadlineMs > nowMs));
  const began = admitted && { admission: admitted, period: witness.period, ...beginning(witness, nowMs) };
  must('every transition has a generation of its own', isNewGeneration(world, { state, witness }));
  compare(state, witness);
  return { nowMs, state, witness, calls: began === undefined ? calls : [...calls, began] };
}

/** Lets the real breaker act. */
function make(
  { calls }: World,
  verb: Verb,
  place: number,
): { calls: readonly Call[]; admitted?: Admission | undefined } {
  const call = calls[place];
  switch (verb) {
    case 'acquire':
      return { calls, admitted: breaker.begin() };
    case 'success':
    case 'failure':
    case 'release':
      if (call !== undefined) breaker.end(call.admission, verb);
      return { calls: calls.toSpliced(place, 1) };
    case 'value': {
      if (call === undefined) return { calls };
      const admission = breaker.end(call.admission, verb) ?? call.admission;
      // Only a probe's first value is a verdict; in a closed circuit the end of the stream is.
      return { calls: calls.with(place, { ...call, admission, answered: admission.kind === 'answered' }) };
    }
    case 'lose':
      return { calls: calls.toSpliced(place, 1) };
    case 'tick':
      return { calls };
    default:
      breaker[verb]();
      return { calls };
  }
}

const beginning = ({ kind }: Witness, nowMs: number): { deadlineMs: number; answered: boolean } => ({
  deadlineMs: kind === 'half-open' ? nowMs + BOUNDS.leaseMs : Number.POSITIVE_INFINITY,
  answered: false,
});

function acquired(witness: Witness, isFirstProbe: boolean, admitted: Admission | undefined, nowMs: number): Witness {
  const { kind, probes, dueMs } = witness;
  if (kind === 'open' || kind === 'forced-open') {
    must(EARLY, admitted === undefined);
    must(REJECTED, kind === 'forced-open' || nowMs < dueMs);
    return witness;
  }
  if (kind !== 'half-open') {
    must(REJECTED, admitted !== undefined);
    return witness;
  }
  const isFree = isFirstProbe || probes.length < BOUNDS.permittedProbes;
  must(CROWD, isFree || admitted === undefined);
  must(REJECTED, !isFree || admitted !== undefined);
  return admitted === undefined ? witness : { ...witness, probes: [...probes, nowMs + BOUNDS.leaseMs] };
}

/** A verdict that comes too late is counted as late, unless the circuit was not observing. */
function checkLate({ witness }: World, verb: Verb, call: Call, mayCount: boolean): void {
  const isProbeValue = verb === 'value' && call.deadlineMs !== Number.POSITIVE_INFINITY;
  const isVerdict = verb === 'success' || verb === 'failure' || isProbeValue;
  const expected = isVerdict && !mayCount && call.admission.kind !== 'disabled' ? 1 : 0;
  must(`${OLD}, and is counted as late (${witness.kind})`, breaker.status().lateOutcomes === expected);
}

function isNewGeneration(before: World, { state, witness }: Pick<World, 'state' | 'witness'>): boolean {
  return state.generation - before.state.generation === witness.period - before.witness.period;
}

/** What the breaker holds has to be what a bystander would expect. */
function compare(state: CircuitState, witness: Witness): void {
  must(`the circuit is ${witness.kind}, not ${state.kind}`, state.kind === witness.kind);
  must('the backoff is counted', state.step === witness.step);
  if (state.kind === 'half-open') {
    must('slots are those of probes without an outcome', sorted(state.leases) === sorted(witness.probes));
    must(CROWD, state.leases.length <= BOUNDS.permittedProbes);
    must('successes of probes are counted', state.successes === witness.wins);
  } else if (state.kind === 'open') {
    must('an open period has its length', state.sinceMs === witness.sinceMs && state.untilMs === witness.dueMs);
  } else if (state.kind === 'closed') {
    must('failures in a row are counted', (state.tally?.failures(0) ?? 0) === witness.failures);
    must('a closed circuit knows since when', state.sinceMs === witness.sinceMs);
  }
}

const sorted = (values: readonly number[]): string => values.toSorted((one, other) => one - other).join();

/** Most ticks until a circuit is closed again whose callers have all vanished, and whose next calls succeed. */
export const MOST_TICKS = (BOUNDS.leaseMs + BOUNDS.longestOpenMs) / TICK_MS + BOUNDS.successThreshold;

/** Whether the circuit closes in time once what is called is back, whoever never settles. Answers the ticks it took. */
export function recovers({ state, nowMs }: World): number {
  breaker.put(state, nowMs);
  breaker.enable();
  for (let ticks = 0; ticks <= MOST_TICKS; ticks += 1) {
    if (breaker.present.kind === 'closed') return ticks;
    breaker.put(breaker.present, nowMs + ticks * TICK_MS);
    const admission = breaker.begin();
    if (admission !== undefined) breaker.end(admission, 'success');
  }
  must('a circuit closes in time when what is called is back, whoever never settles', false);
  return MOST_TICKS;
}

/** The same for worlds that differ in nothing that can matter: names of generations, and how long ago is long ago. */
export function identity({ state, calls, nowMs, witness }: World): string {
  const inFlight = calls.map((call) => {
    const { answered, deadlineMs, admission } = call;
    const kind = `${answered ? 'answered ' : ''}${admission.kind === 'disabled' ? 'unobserved ' : ''}`;
    if (call.period === witness.period) return `${kind}${within(deadlineMs - nowMs)}`;
    if (isHeard(witness, call)) return `${kind}closed it`;
    return `${kind}${deadlineMs === Number.POSITIVE_INFINITY ? 'late' : 'late probe'}`;
  });
  return `${identityOf(state, nowMs)}|${inFlight.sort().join()}`;
}

function identityOf(state: CircuitState, nowMs: number): string {
  // Later periods are as long as the third, and are shortened alike.
  const start = `${state.kind} ${Math.min(state.step, 3)}`;
  switch (state.kind) {
    case 'closed':
      return `${start} ${within(state.sinceMs - nowMs)} ${state.tally?.failures(0) ?? 0} ${state.probes === undefined}`;
    case 'open':
      return `${start} ${within(state.sinceMs - nowMs)} ${Math.max(0, state.untilMs - nowMs)}`;
    case 'half-open':
      return `${start} ${state.successes} ${sorted(state.leases.map((deadlineMs) => within(deadlineMs - nowMs)))}`;
    default:
      return start;
  }
}

/** A time that is over for longer than anything lasts is as one that has just become so. */
const within = (ms: number): number => Math.max(ms, -BOUNDS.longestOpenMs);
