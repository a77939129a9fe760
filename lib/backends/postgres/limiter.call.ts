import { createHash } from 'node:crypto';
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

/** What the function is called with, but for the time that it may wait. */
export interface LimiterCall {
  readonly verb: number;
  readonly subjects: readonly string[];
  readonly charges: string;
  readonly chargedAtMs: number;
  /** The charges in the order of the reply: those of one subject in a row. */
  readonly order: readonly number[];
}

export function limiterCall(verb: Verb, charges: readonly Refund[], chargedAtMs = -1): LimiterCall {
  const subjects: string[] = [];
  const order: number[] = [];
  let numbers = '';
  for (const [key, places] of bySubject(charges)) {
    const subject = subjects.push(subjectOf(key));
    for (const place of places) {
      order.push(place);
      numbers += `${numbers === '' ? '' : ','}${subject},${numbersOf(charges[place] as Refund)}`;
    }
  }
  return { verb: VERBS[verb], subjects, charges: `{${numbers}}`, chargedAtMs, order };
}

function bySubject(charges: readonly Refund[]): ReadonlyMap<string, readonly number[]> {
  const places = new Map<string, number[]>();
  charges.forEach(({ key }, place) => {
    const known = places.get(key);
    if (known === undefined) places.set(key, [place]);
    else known.push(place);
  });
  return places;
}

/** The limiter's ten numbers of a charge, but for the first. */
function numbersOf({ policy, cost, owed = -1 }: Refund): string {
  const { burst, blockForMs, mode } = policy;
  return `${quotaOf(policy)},${cost},${burst},${blockForMs},${mode === 'enforce' ? 1 : 0},${owed}`;
}

/** Policies outlive calls: what is the same in all of them is made once. */
const known = new WeakMap<Policy, string>();

function quotaOf(policy: Policy): string {
  let quota = known.get(policy);
  if (quota === undefined) {
    const { limit, windowMs } = policy;
    quota = `${counterId(policy)},${algorithmNumber(policy)},${limit},${windowMs}`;
    known.set(policy, quota);
  }
  return quota;
}

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
const counterId = ({ id, algorithm }: Policy): bigint =>
  createHash('sha256').update(`${algorithm}\0${id}`).digest().readBigInt64BE();

/** What a database may be unable to hold, whatever its encoding; and `%`, which begins an escape. */
const SPECIAL = /[^ -$&-~]/g;

/** A key as printable ASCII. No two keys become the same. */
const subjectOf = (key: string): string => key.replace(SPECIAL, escaped);

const escaped = (character: string): string => `%${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
