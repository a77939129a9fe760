import { createHash } from 'node:crypto';
import { MAX_PRODUCT } from '../../algorithms/algorithm.js';
import { commonFactor } from '../../algorithms/quotient.js';
import type { Refund } from '../../contracts/backend.js';
import { RateLimitConfigurationError } from '../../contracts/errors.js';
import type { AlgorithmName, Policy } from '../../contracts/policy.js';

/** By what number the function knows an algorithm. */
const ALGORITHMS: ReadonlyMap<AlgorithmName, number> = new Map([
  ['fixed-window', 1],
  ['sliding-window', 2],
  ['token-bucket', 3],
  ['sliding-log', 4],
]);

export const SUPPORTED_ALGORITHMS: readonly AlgorithmName[] = [...ALGORITHMS.keys()];

export type Verb = 'consume' | 'overdraw' | 'peek' | 'refund' | 'reset' | 'ping';

const VERBS: Readonly<Record<Verb, number>> = { consume: 0, overdraw: 1, peek: 2, refund: 3, reset: 4, ping: 5 };

/** Which function of the database is called, and with what, but for the time that it may wait. */
export interface LimiterCall {
  readonly target: 'limiter' | 'single';
  readonly values: readonly unknown[];
  /** The charges in the order of the reply: those of one subject in a row. */
  readonly order: readonly number[];
}

export function limiterCall(verb: Verb, charges: readonly Refund[], chargedAtMs = -1): LimiterCall {
  const [charge, ...others] = charges;
  if (verb === 'consume' && charge !== undefined && others.length === 0 && isSingle(charge)) return singleCall(charge);
  const subjects: string[] = [];
  const order: number[] = [];
  const numbers: string[] = [];
  for (const [key, places] of bySubject(charges)) {
    const subject = subjects.push(subjectOf(key));
    for (const place of places) {
      const one = charges[place] as Refund;
      order.push(place);
      numbers.push(`${subject},${numbersOf(one).join(',')},${owedOf(one)}`);
    }
  }
  return { target: 'limiter', values: [VERBS[verb], subjects, `{${numbers.join(',')}}`, chargedAtMs], order };
}

/** What a bucket owed after the charge, in what its debt is counted in; -1: unknown. */
const owedOf = ({ policy: { limit, windowMs }, owed }: Refund): number =>
  owed === undefined ? -1 : Math.floor(owed / commonFactor(limit, windowMs));

/** Whether the function for what most calls are is worth a try: it has no products beyond `MAX_PRODUCT`. */
const isSingle = ({ policy: { algorithm, limit, windowMs, burst }, cost }: Refund): boolean =>
  cost > 0 &&
  cost <= burst &&
  limit > 0 &&
  algorithm !== 'sliding-log' &&
  (algorithm === 'fixed-window' || limit * windowMs <= MAX_PRODUCT);

const singleCall = (charge: Refund): LimiterCall => ({
  target: 'single',
  values: [subjectOf(charge.key), ...numbersOf(charge)],
  order: ONLY,
});

const ONLY: readonly number[] = [0];

function bySubject(charges: readonly Refund[]): ReadonlyMap<string, readonly number[]> {
  const places = new Map<string, number[]>();
  charges.forEach(({ key }, place) => {
    const known = places.get(key);
    if (known === undefined) places.set(key, [place]);
    else known.push(place);
  });
  return places;
}

/** What both functions are told of a charge, after its subject. */
function numbersOf({ policy, cost }: Refund): readonly unknown[] {
  const { limit, windowMs, burst, blockForMs, mode } = policy;
  let counter = known.get(policy);
  if (counter === undefined) {
    counter = [counterId(policy), algorithmNumber(policy)];
    known.set(policy, counter);
  }
  return [...counter, limit, windowMs, cost, burst, blockForMs, mode === 'enforce' ? 1 : 0];
}

/** Policies outlive calls: what names their counters is made once. */
const known = new WeakMap<Policy, readonly unknown[]>();

function algorithmNumber({ algorithm, name }: Policy): number {
  const number = ALGORITHMS.get(algorithm);
  if (number !== undefined) return number;
  throw new RateLimitConfigurationError(
    `policies.${name}.algorithm`,
    algorithm,
    `PostgreSQL counts by ${SUPPORTED_ALGORITHMS.join(', ')}.`,
  );
}

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
