import { createHash } from 'node:crypto';
import { bordersAround, kindOf } from '../../algorithms/fixed-window.js';
import { commonFactor } from '../../algorithms/quotient.js';
import type { Refund } from '../../contracts/backend.js';
import type { AlgorithmName, Policy } from '../../contracts/policy.js';

/** By what number the function knows an algorithm. */
const ALGORITHMS: Readonly<Record<AlgorithmName, number>> = {
  'fixed-window': 1,
  'sliding-window': 2,
  'token-bucket': 3,
  'sliding-log': 4,
  'strict-window': 5,
  concurrency: 6,
};

const VERBS = { consume: 0, overdraw: 1, peek: 2, refund: 3, reset: 4, ping: 5, renew: 6 } as const;

export type Verb = keyof typeof VERBS;

/** A function of the database and its parameters, without the time that it may wait. */
export interface FunctionCall {
  readonly target: 'limiter' | 'many' | 'each';
  readonly values: readonly unknown[];
}

export interface LimiterCall extends FunctionCall {
  /** The charges in the order of the reply: those of one subject in a row. */
  readonly order: readonly number[];
}

/** @param clock about the database's time, ms since the epoch: asked for calendar windows only */
export function limiterCall(
  verb: Verb,
  charges: readonly Refund[],
  clock: () => number = Date.now,
  chargedAtMs = -1,
): LimiterCall {
  const subjects: string[] = [];
  const order: number[] = [];
  const numbers: string[] = [];
  const calendars: number[] = [];
  for (const [key, places] of bySubject(charges)) {
    const subject = subjects.push(subjectOf(key));
    for (const place of places) {
      const one = charges[place] as Refund;
      order.push(place);
      const windows = calendarOf(one.policy, clock);
      const calendar = windows.length === 0 ? 0 : calendars.length + 1;
      calendars.push(...windows);
      numbers.push(chargeNumbers(subject, one, calendar));
    }
  }
  const values = [VERBS[verb], subjects, arrayOf(numbers), arrayOf(calendars), chargedAtMs];
  return { target: 'limiter', values, order };
}

/** An array, as PostgreSQL writes numbers. */
export const arrayOf = (items: readonly unknown[]): string => `{${items.join(',')}}`;

/** The parameters of the limiter for a charge. */
export function chargeNumbers(subject: number, charge: Refund, calendar: number): string {
  return `${subject},${policyNumbers(charge).join(',')},${slotOrOwed(charge)},${calendar}`;
}

/** The name of a slot, or what a bucket owed after the charge, in what its debt is counted in; -1: unknown. */
const slotOrOwed = ({ policy: { limit, windowMs }, owed, slot }: Refund): number =>
  slot ?? (owed === undefined ? -1 : Math.floor(owed / commonFactor(limit, windowMs)));

/** Of a calendar window: which it is, and the borders of the windows around a time; the database's clock picks one. */
function calendarOf(policy: Policy, clock: () => number): readonly number[] {
  if (policy.calendar === undefined) return NO_CALENDAR;
  return [kindOf(policy), ...bordersAround(policy, clock())];
}

const NO_CALENDAR: readonly number[] = [];

function bySubject(charges: readonly Refund[]): ReadonlyMap<string, readonly number[]> {
  const places = new Map<string, number[]>();
  charges.forEach(({ key }, place) => {
    const known = places.get(key);
    if (known === undefined) places.set(key, [place]);
    else known.push(place);
  });
  return places;
}

/**
 * The parameters of each function for a charge: counter, algorithm, limit, windowMs, cost, burst, blockForMs, enforced.
 */
export function policyNumbers({ policy, cost }: Refund): readonly unknown[] {
  const { limit, windowMs, burst, blockForMs, mode } = policy;
  let counter = known.get(policy);
  if (counter === undefined) {
    counter = [counterId(policy), ALGORITHMS[policy.algorithm]];
    known.set(policy, counter);
  }
  return [...counter, limit, windowMs, cost, burst, blockForMs, mode === 'enforce' ? 1 : 0];
}

/** Policies outlive calls: what names their counters is made once. */
const known = new WeakMap<Policy, readonly unknown[]>();

/**
 * Names a counter in its row: 64 bits of a hash. The algorithm is part of it, since states of two algorithms must never
 * be mistaken for each other.
 */
export const counterId = ({ id, algorithm }: Pick<Policy, 'id' | 'algorithm'>): string =>
  String(createHash('sha256').update(`${algorithm}\0${id}`).digest().readBigInt64BE());

/** What a database may be unable to hold, whatever its encoding; and `%`, which begins an escape. */
const SPECIAL = /[^ -$&-~]/g;

/** A key as printable ASCII. No two keys become the same. */
export const subjectOf = (key: string): string => key.replace(SPECIAL, escaped);

const escaped = (character: string): string => `%${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** The key of a row. */
export const keyOfSubject = (subject: string): string =>
  subject.replace(/%([0-9a-f]{4})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
