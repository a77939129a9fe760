import type { Charge } from '../../contracts/backend.js';
import type { Policy } from '../../contracts/policy.js';
import type { CounterSource } from './counter-source.js';
import { counterTable, type CounterView, knownPolicies, unknownHint, viewOf } from './counters.view.js';
import { nothingFound } from './failures.js';
import { policiesNamed } from './known-policies.js';
import { type Output, print } from './output.js';
import { printable } from './terminal.js';

export interface KeyOptions {
  readonly policies: readonly Policy[];
  readonly json: boolean;
  readonly timeoutMs: number;
}

/** Prints each counter of a key. @throws CommandFailure with exit code 1 if it has none */
export async function inspectKey(
  source: CounterSource,
  key: string,
  options: KeyOptions,
  output: Output,
): Promise<void> {
  const counters = await countersOf(source, key, options.policies);
  if (counters.length > 0 || options.json) {
    print(output, options.json, { key, counters }, () => counterTable(counters) + unknownHint(counters));
  }
  if (counters.length === 0) throw noCounter(key, options);
}

/**
 * Removes the counters of a key, blocks included: all, or those of one policy.
 *
 * @param policy name or rate
 * @throws CommandFailure if there is none
 */
export async function resetKey(
  source: CounterSource,
  key: string,
  policy: string | undefined,
  options: KeyOptions,
  output: Output,
): Promise<void> {
  const named = policy === undefined ? [] : policiesNamed(policy);
  const counters = await countersOf(source, key, [...options.policies, ...named]);
  const ids = new Set(named.map((one) => source.counterId(one)));
  const removed = policy === undefined ? counters : counters.filter(({ counter }) => ids.has(counter));
  if (removed.length === 0) {
    if (options.json) print(output, true, { key, removed }, () => '');
    throw noCounter(key, options, policy);
  }
  if (policy === undefined) await source.remove(key);
  else {
    const offered = source.backend.capabilities?.algorithms;
    const charges = named
      .filter(({ algorithm }) => offered?.includes(algorithm) ?? true)
      .map((one): Charge => ({ key, policy: one, cost: 0 }));
    await source.backend.reset({ charges, timeoutMs: options.timeoutMs });
  }
  print(output, options.json, { key, removed }, () => {
    const what = policy === undefined ? '' : ` of ${printable(policy)}`;
    return `${printable(key)}: ${removed.length} counter${removed.length === 1 ? '' : 's'}${what} removed.${source.backend.recall === undefined ? '' : `\n${REMEMBERED}`}`;
  });
}

async function countersOf(
  source: CounterSource,
  key: string,
  policies: readonly Policy[],
): Promise<readonly CounterView[]> {
  const known = knownPolicies(source, policies);
  const { counters, nowMs } = await source.read(key);
  return counters.map((counter) => viewOf(key, counter, known, nowMs));
}

/** Said after a reset: see `refusalCache` of `redisBackend`. */
const REMEMBERED =
  'A process that refused this key before may refuse it for up to a minute more: it remembers refusals (refusalCache).';

/** In JSON the empty list says it. */
const noCounter = (key: string, { json }: KeyOptions, policy?: string): Error =>
  nothingFound(
    json
      ? ''
      : `Nothing is counted for ${printable(key)}${policy === undefined ? '' : ` by ${printable(policy)}`}. ` +
          'Give the whole key, such as ip:192.0.2.1 or user:42: see `floodgate top`.',
  );
