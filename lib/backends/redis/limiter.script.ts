import { createHash } from 'node:crypto';
import { bordersAround, kindOf } from '../../algorithms/fixed-window.js';
import type { Refund } from '../../contracts/backend.js';
import type { AlgorithmName, Policy } from '../../contracts/policy.js';
import type { ScriptCall } from './redis-driver.js';
import { scriptOf } from './script.js';
import { LIMITER_SCRIPT } from './scripts/limiter.generated.js';
import { subjectKey } from './subject-key.js';

export const LIMITER = scriptOf(LIMITER_SCRIPT);

/** The script's letter for an algorithm; upper case if a log follows the counter. */
export const LETTERS: Readonly<Record<AlgorithmName, string>> = {
  'fixed-window': 'f',
  'sliding-window': 's',
  'token-bucket': 'b',
  'sliding-log': 'L',
  'strict-window': 'W',
  concurrency: 'C',
};

export type Verb =
  | { readonly kind: 'consume'; readonly overdraw: boolean }
  | { readonly kind: 'peek' }
  | { readonly kind: 'refund'; readonly chargedAtMs: number | undefined }
  | { readonly kind: 'renew' | 'reset' };

/** The same consume several times. */
export interface RunVerb {
  readonly kind: 'run';
  readonly count: number;
}

/** @param clock about the server's time, ms since the epoch; only used for calendar windows */
export function limiterCall(
  keyPrefix: string,
  verb: Verb | RunVerb,
  charges: readonly Refund[],
  clock: () => number,
): ScriptCall {
  // Lists of the right length: one that grows has room for sixteen more.
  const first = charges[0];
  const keys = first === undefined ? [] : Array.of(subjectKey(keyPrefix, first.key));
  const counters = new Array<string>(charges.length);
  let number = 1;
  for (let index = 0; index < charges.length; index += 1) {
    const { key, policy, cost, owed, slot } = charges[index] as Refund;
    if (index > 0 && key !== charges[index - 1]?.key) {
      const subject = subjectKey(keyPrefix, key);
      number = keys.indexOf(subject) + 1 || keys.push(subject);
    }
    if (verb.kind === 'consume' && policy.algorithm === 'concurrency' && cost > 0 && slot === undefined) {
      throw new TypeError('A charge of a concurrency policy names the slot that it takes.');
    }
    const parameters = parametersOf(policy);
    const plain = plainOf(parameters, cost);
    const suffices = parameters.isPlain && isShort(cost) && number === 1 && owed === undefined && slot === undefined;
    counters[index] = suffices ? plain : plain + decimals(policy, cost, number, slot ?? owed) + borders(policy, clock);
  }
  return { keys, parameters: [...verbParameters(verb), ...counters] };
}

/** The server's time, if it is outside the given borders of calendar windows. */
export function timeOutsideBorders(error: unknown): number | undefined {
  const [, time] = (error instanceof Error && /^BORDERS (\d+)$/.exec(error.message)) || [];
  return time === undefined ? undefined : Number(time);
}

function verbParameters(verb: Verb | RunVerb): string[] {
  switch (verb.kind) {
    case 'consume':
      return [verb.overdraw ? 'overdraw' : 'consume'];
    case 'refund':
      return ['refund', String(verb.chargedAtMs ?? -1)];
    case 'run':
      return ['run', String(verb.count)];
    case 'peek':
    case 'renew':
    case 'reset':
      return [verb.kind];
  }
}

/** The parameters of the script for a policy in each call, around the cost. */
interface PolicyParameters {
  readonly quota: string;
  readonly id: string;
  /** Whether there are no further parameters. */
  readonly isPlain: boolean;
  /** The last cost, and the parameters with it: most calls of a policy cost the same. */
  cost: number;
  plain: string;
}

/** Policies live longer than calls, so their parameters are created once. */
const known = new WeakMap<Policy, PolicyParameters>();

function parametersOf(policy: Policy): PolicyParameters {
  let parameters = known.get(policy);
  if (parameters === undefined) {
    const { limit, windowMs, burst, blockForMs, mode } = policy;
    parameters = {
      quota: digits(limit) + digits(windowMs),
      id: storageId(policy),
      isPlain:
        isShort(limit) &&
        isShort(windowMs) &&
        burst === limit &&
        blockForMs === 0 &&
        mode === 'enforce' &&
        policy.calendar === undefined,
      cost: Number.NaN,
      plain: '',
    };
    known.set(policy, parameters);
  }
  return parameters;
}

function plainOf(parameters: PolicyParameters, cost: number): string {
  if (parameters.cost !== cost) {
    parameters.plain = parameters.quota + digits(cost) + parameters.id;
    parameters.cost = cost;
  }
  return parameters.plain;
}

/** Whether five digits in base 128 are enough. */
const isShort = (number: number): boolean => Number.isInteger(number) && number >= 0 && number < 128 ** 5;

/** The last five digits of a number in base 128, each a character of one byte in UTF-8. */
const digits = (number: number): string =>
  String.fromCharCode(
    Math.floor(number / 128 ** 4) % 128,
    (number >>> 21) & 127,
    (number >>> 14) & 127,
    (number >>> 7) & 127,
    number & 127,
  );

const decimals = (policy: Policy, cost: number, subject: number, owed = -1): string => {
  const { limit, windowMs, burst, blockForMs, mode } = policy;
  return ` ${limit} ${windowMs} ${cost} ${subject} ${burst} ${blockForMs} ${mode === 'enforce' ? 1 : 0} ${owed}`;
};

/** For a calendar window: the borders of the windows around a time; the server's clock picks one of them. */
function borders(policy: Policy, clock: () => number): string {
  if (policy.calendar === undefined) return '';
  return ` ${kindOf(policy)} ${bordersAround(policy, clock()).join(' ')}`;
}

/**
 * The name of a counter in its key, with a fixed length: the letter of its algorithm, so that states of two algorithms
 * are never confused, and 54 bits of a hash of the policy's id.
 */
export const storageId = ({ id, algorithm }: Pick<Policy, 'id' | 'algorithm'>): string =>
  LETTERS[algorithm] + createHash('sha256').update(id).digest('base64url').slice(0, 9);
