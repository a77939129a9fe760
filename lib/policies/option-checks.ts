import { RateLimitConfigurationError } from '../contracts/errors.js';

/** @throws RateLimitConfigurationError if the value is not in the list */
export function oneOf<T extends string>(option: string, value: T, allowed: readonly T[]): void {
  if (allowed.includes(value)) return;
  const list = allowed.map((one) => `'${one}'`).join(', ');
  throw new RateLimitConfigurationError(option, value, `Give one of ${list}.`);
}

/** @throws RateLimitConfigurationError if an object has an unknown property, which is probably a typing mistake */
export function onlyKnown(option: string, value: unknown, known: readonly string[]): asserts value is object {
  anObject(option, value, `Give an object with ${known.join(', ')}.`);
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  throw new RateLimitConfigurationError(
    option === '' ? unknown : `${option}.${unknown}`,
    (value as Record<string, unknown>)[unknown],
    `There is no such option. The options are ${known.join(', ')}.`,
  );
}

/** @throws RateLimitConfigurationError if the value is not an object, or is an array */
export function anObject(option: string, value: unknown, mend: string): asserts value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new RateLimitConfigurationError(option, value, mend);
  }
}

/** @throws RateLimitConfigurationError if the value is not a text, or is empty */
export function aText(option: string, value: unknown): void {
  if (typeof value !== 'string' || value === '') {
    throw new RateLimitConfigurationError(option, value, 'Give a text that is not empty.');
  }
}

/** @throws RateLimitConfigurationError if the value is not a function */
export function aFunction(option: string, value: unknown): void {
  if (typeof value !== 'function') throw new RateLimitConfigurationError(option, value, 'Give a function of the call.');
}

/** @throws RateLimitConfigurationError if the value is neither true nor false */
export function aBoolean(option: string, value: unknown): void {
  if (typeof value !== 'boolean') throw new RateLimitConfigurationError(option, value, 'Give true or false.');
}

/** @throws RateLimitConfigurationError unless it is a whole number of at least 1, or missing */
export function aQuorum(option: string, quorum: unknown): void {
  if (quorum === undefined || (Number.isSafeInteger(quorum) && (quorum as number) >= 1)) return;
  throw new RateLimitConfigurationError(
    option,
    quorum,
    'Give a whole number of at least 1, or leave it out: then no circuit opens without a failure of its own.',
  );
}

/**
 * The given options with the types of their values instead of the values, which may contain a password: errors are
 * logged.
 */
export const withoutValues = (options: object): object =>
  Object.fromEntries(
    Object.entries(options)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, typeof value]),
  );
