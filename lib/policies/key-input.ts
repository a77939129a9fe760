import { RateLimitConfigurationError } from '../contracts/errors.js';
import type { KeyInput } from '../contracts/policy.js';

/** A key from a value of the request. */
export interface ValueKey {
  readonly source: 'header' | 'query' | 'param' | 'body' | 'ip-from';
  readonly name: string;
}

const WORDS: readonly unknown[] = ['ip', 'user', 'user-or-ip', 'global'];

/** Reads `header:x`, `query:x` and the like; header names are in lower case, as in Node. */
export function valueKey(input: string): ValueKey | undefined {
  const [, source, name] = /^(header|query|param|body|ip-from):(.+)$/.exec(input) ?? [];
  if (source === undefined || name === undefined) return undefined;
  const isHeader = source === 'header' || source === 'ip-from';
  return { source: source as ValueKey['source'], name: isHeader ? name.toLowerCase() : name };
}

/** @throws RateLimitConfigurationError for an invalid `KeyInput` */
export function checkKeyInput(option: string, input: KeyInput): void {
  if (Array.isArray(input)) {
    if (input.length === 0) throw new RateLimitConfigurationError(option, input, 'Give at least one key.');
    (input as readonly KeyInput[]).forEach((one, index) => checkKeyInput(`${option}[${index}]`, one));
    return;
  }
  if (typeof input === 'function' || WORDS.includes(input)) return;
  if (typeof input === 'string' && valueKey(input) !== undefined) return;
  throw new RateLimitConfigurationError(
    option,
    input,
    "Give 'ip', 'user', 'user-or-ip', 'global', 'header:<name>', 'query:<name>', 'param:<name>', 'body:<name>', 'ip-from:<header>', a function, a class with resolve(), or an array of these.",
  );
}
