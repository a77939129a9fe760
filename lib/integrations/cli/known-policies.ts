import { filePolicyStore } from '../../backends/file/file.policy-store.js';
import { RateLimitConfigurationError } from '../../contracts/errors.js';
import { ALGORITHM_NAMES, type AlgorithmName, type Policy, type PolicyOptions } from '../../contracts/policy.js';
import { PolicyCatalog } from '../../policies/policy-catalog.js';
import { looksLikeRate } from '../../policies/rate.js';
import { wrongUse } from './failures.js';

/**
 * Reads what `--policy` says: `[name=]rate`, and after commas an algorithm, `burst=20`, `blockFor=5m`.
 *
 * @throws CommandFailure naming what is wrong
 */
export function policiesOf(text: string): readonly Policy[] {
  const [, name, rest = ''] = /^(?:([^=,/]+)=)?(.*)$/s.exec(text) ?? [];
  const [rate = '', ...parts] = rest.split(',').map((part) => part.trim());
  const options: { -readonly [Option in keyof PolicyOptions]: PolicyOptions[Option] } = rateOptions(rate);
  for (const part of parts) {
    const [option = '', value] = part.split('=');
    if (value === undefined && isAlgorithm(option)) options.algorithm = option;
    else if (option === 'burst' && value !== undefined) options.burst = Number(value);
    else if (option === 'blockFor' && value !== undefined) options.blockFor = value;
    else
      throw wrongUse(
        `--policy ${text}: '${part}' is no algorithm (${ALGORITHM_NAMES.join(', ')}) nor burst=, blockFor=.`,
      );
  }
  return compiled(`--policy ${text}`, name, options);
}

/** The policies of a file as `filePolicyStore` reads it. */
export async function policiesOfFile(path: string): Promise<readonly Policy[]> {
  try {
    const document = await filePolicyStore({ path }).read();
    if (document === undefined) throw wrongUse(`--policies ${path}: there is no such file, or nothing is in it.`);
    const entries = Object.entries(document.policies ?? {});
    return entries.flatMap(([name, policy]) =>
      compiled(
        `--policies ${path}`,
        name,
        typeof policy === 'string' ? rateOptions(policy) : (policy as PolicyOptions),
      ),
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw wrongUse(`--policies ${path}: there is no such file.`);
    if (error instanceof RateLimitConfigurationError) throw wrongUse(`--policies: ${error.message}`);
    throw error;
  }
}

/**
 * The policies that a name or a rate may stand for: the module's and those of `BackendService`, by each algorithm.
 *
 * @throws CommandFailure for a rate that cannot be read
 */
export function policiesNamed(nameOrRate: string): readonly Policy[] {
  if (looksLikeRate(nameOrRate)) return policiesOf(nameOrRate);
  const [any] = compiled('policy', undefined, { rate: '1/m' });
  return ALGORITHM_NAMES.flatMap((algorithm) =>
    idsOf(nameOrRate, algorithm).map((id) => ({ ...(any as Policy), id, name: nameOrRate, algorithm })),
  );
}

/** A policy and its counters: one that has a name is the module's, or was given to `BackendService`. */
function compiled(option: string, name: string | undefined, options: PolicyOptions): readonly Policy[] {
  try {
    const catalog = new PolicyCatalog({});
    const { policy } = catalog.forService(name === undefined ? options : { ...options, name });
    return name === undefined ? [policy] : idsOf(name, policy.algorithm).map((id) => ({ ...policy, id }));
  } catch (error) {
    if (error instanceof RateLimitConfigurationError) throw wrongUse(`${option}: ${error.message}`);
    throw error;
  }
}

const idsOf = (name: string, algorithm: AlgorithmName): readonly string[] => [
  `${name}#${algorithm}`,
  `=${name}#${algorithm}`,
];

const isAlgorithm = (text: string): text is AlgorithmName => (ALGORITHM_NAMES as readonly string[]).includes(text);

/** `100/m`, or `1000/calendar-day`. */
function rateOptions(rate: string): PolicyOptions {
  const [, limit, window] = /^(\d+)\/(calendar-(?:day|week|month))$/.exec(rate) ?? [];
  return window === undefined ? { rate } : { limit: Number(limit), window };
}
