import { parseList } from 'structured-headers';

/** A member of a list of Structured Fields whose items are strings. */
export interface Member {
  readonly item: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

/**
 * Reads a list of strings by RFC 9651, with a parser that knows nothing of this package.
 *
 * @throws Error where a strict reader drops the field
 */
export const readList = (field: string): readonly Member[] =>
  parseList(field).map(([item, parameters]) => {
    if (typeof item !== 'string') throw new TypeError(`Expected strings in ${field}`);
    return { item, parameters: Object.fromEntries(parameters) };
  });
