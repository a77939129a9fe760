/** A member of a list of Structured Fields: a string with integer parameters, which is all that the limiter sends. */
export interface Member {
  readonly item: string;
  readonly parameters: Readonly<Record<string, number>>;
}

/**
 * Parses a list of strings with integer parameters by the algorithm of RFC 9651, 4.2.
 *
 * @throws Error where a strict reader would drop the field
 */
export function parseList(field: string): readonly Member[] {
  let rest = field;
  const take = (pattern: RegExp): string => {
    const found = new RegExp(`^(?:${pattern.source})`).exec(rest)?.[0];
    if (found === undefined) throw new Error(`Expected ${pattern.source} at '${rest}'`);
    rest = rest.slice(found.length);
    return found;
  };
  const members: Member[] = [];
  for (;;) {
    const item = take(/"(?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"/).slice(1, -1);
    const parameters: Record<string, number> = {};
    while (rest.startsWith(';')) {
      take(/; */);
      const key = take(/[a-z*][a-z0-9_.*-]*/);
      take(/=/);
      parameters[key] = Number(take(/-?\d{1,15}(?!\d)/));
    }
    members.push({ item, parameters });
    if (rest === '') return members;
    take(/[ \t]*,[ \t]*/);
  }
}
