import { createHash } from 'node:crypto';
import type { Refund } from '../contracts/backend.js';
import type { AlgorithmName, Policy } from '../contracts/policy.js';
import type { RedisClient } from './redis-client.js';
import { LIMITER_SCRIPT } from './scripts/limiter.generated.js';
import { subjectKey } from './subject-key.js';

const SHA = createHash('sha1').update(LIMITER_SCRIPT).digest('hex');

/** What the script calls the algorithms. */
const ALGORITHMS: Readonly<Record<AlgorithmName, string>> = {
  'fixed-window': 'fixed',
  'sliding-window': 'sliding',
  'token-bucket': 'bucket',
  'sliding-log': 'log',
};

export type Verb =
  | { readonly kind: 'consume'; readonly overdraw: boolean }
  | { readonly kind: 'peek' }
  | { readonly kind: 'refund'; readonly chargedAtMs: number | undefined }
  | { readonly kind: 'reset' };

/** Runs the script: one EVALSHA, and an EVAL only where the server does not know it (any more). */
export async function runLimiter(
  client: RedisClient,
  keyPrefix: string,
  verb: Verb,
  charges: readonly Refund[],
): Promise<unknown> {
  const keys: string[] = [];
  const parameters = verbParameters(verb);
  for (const { key, policy, cost, owed } of charges) {
    const subject = subjectKey(keyPrefix, key);
    let number = keys.indexOf(subject) + 1;
    if (number === 0) number = keys.push(subject);
    const { id, quota, modifiers } = parametersOf(policy);
    const own = number === 1 && owed === undefined ? modifiers : modifiersOf(policy, number, owed);
    parameters.push(quota + String(cost) + own, id);
  }
  try {
    return await client.evalsha(SHA, keys.length, ...keys, ...parameters);
  } catch (error) {
    if (!isUnknownScript(error)) throw error;
    return await client.eval(LIMITER_SCRIPT, keys.length, ...keys, ...parameters);
  }
}

function verbParameters(verb: Verb): string[] {
  switch (verb.kind) {
    case 'consume':
      return [verb.overdraw ? 'overdraw' : 'consume'];
    case 'refund':
      return ['refund', String(verb.chargedAtMs ?? -1)];
    case 'peek':
    case 'reset':
      return [verb.kind];
  }
}

/** What the script is told of a policy with each call, around the cost. */
interface PolicyParameters {
  readonly id: string;
  readonly quota: string;
  /** For the first subject of a call. */
  readonly modifiers: string;
}

/** Policies outlive calls: what they send is made once. */
const known = new WeakMap<Policy, PolicyParameters>();

function parametersOf(policy: Policy): PolicyParameters {
  let parameters = known.get(policy);
  if (parameters === undefined) {
    const { algorithm, limit, windowMs, burst, blockForMs, mode } = policy;
    const isPlain = burst === limit && blockForMs === 0 && mode === 'enforce';
    parameters = {
      id: storageId(policy),
      quota: `${ALGORITHMS[algorithm]} ${limit} ${windowMs} `,
      modifiers: isPlain ? '' : modifiersOf(policy, 1),
    };
    known.set(policy, parameters);
  }
  return parameters;
}

const modifiersOf = ({ burst, blockForMs, mode }: Policy, subject: number, owed?: number): string =>
  ` ${subject} ${burst} ${blockForMs} ${mode === 'enforce' ? 1 : 0} ${owed ?? -1}`;

/**
 * Names a counter in its key, where short names save memory: the algorithm that ends a policy's id shrinks to its first
 * letter, and is added where it is missing, since states of two algorithms must never be mistaken for each other.
 */
function storageId({ id, algorithm }: Policy): string {
  const [letter = ''] = ALGORITHMS[algorithm];
  const ending = `#${algorithm}`;
  return id.endsWith(ending) ? `${id.slice(0, -ending.length)}#${letter}` : `${id}:${letter}`;
}

const isUnknownScript = (error: unknown): boolean => error instanceof Error && error.message.startsWith('NOSCRIPT');
