import { createHash } from 'node:crypto';
import type { Charge } from '../contracts/backend.js';
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
  charges: readonly Charge[],
): Promise<unknown> {
  const { keys, parameters } = invocation(keyPrefix, verb, charges);
  try {
    return await client.evalsha(SHA, keys.length, ...keys, ...parameters);
  } catch (error) {
    if (!isUnknownScript(error)) throw error;
    return await client.eval(LIMITER_SCRIPT, keys.length, ...keys, ...parameters);
  }
}

/** KEYS and ARGV, as the header of the script describes them. */
function invocation(
  keyPrefix: string,
  verb: Verb,
  charges: readonly Charge[],
): { readonly keys: readonly string[]; readonly parameters: readonly string[] } {
  const keys: string[] = [];
  const parameters = [verb.kind, modifierOf(verb)];
  for (const { key, policy, cost } of charges) {
    const subject = subjectKey(keyPrefix, key);
    let number = keys.indexOf(subject) + 1;
    if (number === 0) number = keys.push(subject);
    parameters.push(String(number), ...parametersOf(policy), String(cost));
  }
  return { keys, parameters };
}

function modifierOf(verb: Verb): string {
  switch (verb.kind) {
    case 'consume':
      return verb.overdraw ? '1' : '0';
    case 'refund':
      return String(verb.chargedAtMs ?? -1);
    case 'peek':
    case 'reset':
      return '';
  }
}

/** Policies outlive calls: what they send is made once. */
const known = new WeakMap<Policy, readonly string[]>();

function parametersOf(policy: Policy): readonly string[] {
  let parameters = known.get(policy);
  if (parameters === undefined) {
    const { id, algorithm, limit, windowMs, burst, blockForMs, mode } = policy;
    const enforced = mode === 'enforce' ? 1 : 0;
    parameters = [id, ALGORITHMS[algorithm], ...[limit, windowMs, burst, blockForMs, enforced].map(String)];
    known.set(policy, parameters);
  }
  return parameters;
}

const isUnknownScript = (error: unknown): boolean => error instanceof Error && error.message.startsWith('NOSCRIPT');
