import type { BreakerTransition } from '../../../../lib/contracts/breaker.js';

/** Lengths of time of the small world, ms. The clock goes by ticks of a second. */
export const TICK_MS = 1_000;
export const BOUNDS = {
  /** More of them in `npm run prove:model`. */
  callers: Number(process.env['CALLERS'] ?? 3),
  permittedProbes: 2,
  successThreshold: 2,
  failureThreshold: 2,
  openMs: 2 * TICK_MS,
  longestOpenMs: 4 * TICK_MS,
  leaseMs: 2 * TICK_MS,
  resetMs: 3 * TICK_MS,
};

/** One thing that happens. `lose`: the caller is gone and never settles. */
export type Verb =
  | 'acquire'
  | 'success'
  | 'failure'
  | 'release'
  | 'value'
  | 'lose'
  | 'tick'
  | 'reset'
  | 'hasten'
  | 'forceOpen'
  | 'disable'
  | 'enable';

/** A call in flight, as a bystander sees it. */
export interface SeenCall {
  /** The period of the circuit in which it began. */
  readonly period: number;
  /** When its lease ends; `Infinity` unless it is a probe. */
  readonly deadlineMs: number;
  /** A stream that has given its first value. */
  readonly answered: boolean;
}

/** What a bystander knows of a circuit from what happened, without a look inside. */
export interface Witness {
  readonly kind: 'closed' | 'open' | 'half-open' | 'forced-open' | 'disabled';
  /** Counts transitions. */
  readonly period: number;
  /** The half-open period whose probes closed the circuit; -1: none. */
  readonly closedBy: number;
  /** Deadlines of the probes of this period that have no outcome, those of lost callers too. */
  readonly probes: readonly number[];
  /** Probes of this half-open period that succeeded. */
  readonly wins: number;
  /** Failures in a row in this closed period. */
  readonly failures: number;
  /** Open periods since the backoff last started over. */
  readonly step: number;
  readonly sinceMs: number;
  readonly dueMs: number;
}

export const FIRST_SIGHT: Witness = {
  kind: 'closed',
  period: 0,
  closedBy: -1,
  probes: [],
  wins: 0,
  failures: 0,
  step: 0,
  sinceMs: 0,
  dueMs: 0,
};

export class Violation extends Error {
  override readonly name = 'Violation';
}

export function must(invariant: string, holds: boolean): void {
  if (!holds) throw new Violation(invariant);
}

export const OLD = 'an outcome of an older generation changes nothing';
export const EARLY = 'an open circuit admits nobody before its time';
export const CROWD = 'there are never more probes than permitted';
export const UNEARNED = 'only enough successes of probes of this half-open period close the circuit';
export const LEASE = 'a probe that is lost opens the circuit as of its deadline, and none before';
export const WRONG_TRIP = 'only enough failures in a row of this closed period open the circuit';
export const REJECTED = 'a call is rejected only by an open circuit, or one whose slots are taken';

/** Whether the outcome of a call may count. */
export const isHeard = (witness: Witness, call: SeenCall): boolean =>
  call.period === witness.period || (call.answered && witness.kind === 'closed' && witness.closedBy === call.period);

/** What the bystander knows after a transition that was told of; throws if it must not happen. */
export function seen(
  witness: Witness,
  { reason }: BreakerTransition,
  { verb, call, nowMs }: { readonly verb: Verb; readonly call: SeenCall | undefined; readonly nowMs: number },
): Witness {
  const { kind } = witness;
  switch (reason) {
    case 'due':
      must(EARLY, kind === 'open' && verb === 'acquire' && nowMs >= witness.dueMs);
      return entered(witness, 'half-open', nowMs);
    case 'probe-lost': {
      const earliestMs = Math.min(...witness.probes);
      must(LEASE, kind === 'half-open' && earliestMs <= nowMs);
      return opened(witness, earliestMs);
    }
    case 'probe-failed':
      must(OLD, call !== undefined && isHeard(witness, call));
      must(WRONG_TRIP, kind === 'half-open' && verb === 'failure');
      return opened(witness, nowMs);
    case 'tripped':
      must(OLD, call !== undefined && isHeard(witness, call));
      must(WRONG_TRIP, kind === 'closed' && verb === 'failure' && witness.failures + 1 >= BOUNDS.failureThreshold);
      return opened(witness, nowMs);
    case 'recovered':
      must(OLD, call !== undefined && isHeard(witness, call));
      must(UNEARNED, kind === 'half-open' && (verb === 'success' || verb === 'value') && call?.answered === false);
      must(UNEARNED, witness.wins + 1 >= BOUNDS.successThreshold);
      return { ...entered(witness, 'closed', nowMs), closedBy: witness.period };
    case 'reset':
    case 'forced':
      // What people do by hand is looked at apart: some of it is no transition that anybody is told of.
      return witness;
    default:
      throw new Violation(`no reason for a transition: ${reason}`);
  }
}

/** What the bystander knows after somebody acted by hand. */
export function handled(witness: Witness, verb: Verb, nowMs: number): Witness {
  const { kind } = witness;
  const byHand = kind === 'forced-open' || kind === 'disabled';
  if (verb === 'reset') return { ...entered(witness, kind === 'disabled' ? kind : 'closed', nowMs), step: 0 };
  if (verb === 'forceOpen' && kind !== 'forced-open') return entered(witness, 'forced-open', nowMs);
  if (verb === 'disable' && kind !== 'disabled') return entered(witness, 'disabled', nowMs);
  if (verb === 'enable' && byHand) return entered(witness, 'closed', nowMs);
  if (verb === 'hasten' && kind === 'open') {
    const leastMs = Math.min(1_000 * (2 ** (witness.step - 1) - 1), BOUNDS.openMs);
    return { ...witness, dueMs: Math.min(witness.dueMs, Math.max(nowMs, witness.sinceMs + leastMs)) };
  }
  return witness;
}

/** What the bystander knows after a call ended that may count, in the circuit that it finds. */
export function counted(witness: Witness, verb: Verb, call: SeenCall): Witness {
  if (!isHeard(witness, call)) return witness;
  const isProbe = witness.kind === 'half-open' && !call.answered;
  const without = isProbe ? { ...witness, probes: less(witness.probes, call.deadlineMs) } : witness;
  if (verb === 'release') return without;
  if (verb === 'failure') {
    must(WRONG_TRIP, witness.kind !== 'half-open' && witness.failures + 1 < BOUNDS.failureThreshold);
    return witness.kind === 'closed' ? { ...witness, failures: witness.failures + 1 } : witness;
  }
  if (isProbe) {
    must(UNEARNED, witness.wins + 1 < BOUNDS.successThreshold);
    return { ...without, wins: witness.wins + 1 };
  }
  return verb === 'success' && witness.kind === 'closed' ? { ...witness, failures: 0 } : witness;
}

function less(deadlines: readonly number[], one: number): readonly number[] {
  const place = deadlines.indexOf(one);
  return deadlines.filter((_deadline, index) => index !== place);
}

function opened(witness: Witness, atMs: number): Witness {
  const forgiven = witness.kind === 'closed' && atMs - witness.sinceMs >= BOUNDS.resetMs;
  const step = (forgiven ? 0 : witness.step) + 1;
  const periodMs = Math.min(BOUNDS.longestOpenMs, BOUNDS.openMs * 2 ** (step - 1));
  return { ...entered(witness, 'open', atMs), step, dueMs: atMs + periodMs };
}

function entered(witness: Witness, kind: Witness['kind'], sinceMs: number): Witness {
  return {
    kind,
    period: witness.period + 1,
    closedBy: -1,
    probes: [],
    wins: 0,
    failures: 0,
    step: witness.step,
    sinceMs,
    dueMs: 0,
  };
}
