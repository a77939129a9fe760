/** What could end a hash tag or look like an escape; and halves of a character, which all become one in UTF-8. */
const SPECIAL = /[%{}]|\p{Surrogate}/gu;

/** Whether a subject may hold any of these: quick, and true of pairs of surrogates too. */
const SUSPICIOUS = /[%{}\ud800-\udfff]/;

/**
 * The Redis key of a subject: all of its counters live there, in the Cluster slot that the subject alone decides.
 * Two subjects never share a key, whatever they contain.
 */
export function subjectKey(keyPrefix: string, subject: string): string {
  return `${keyPrefix}{${SUSPICIOUS.test(subject) ? subject.replace(SPECIAL, escaped) : subject}}`;
}

const escaped = (character: string): string => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;

/** The subject of a Redis key; `undefined` if it is no key of the limiter. */
export function subjectOfKey(keyPrefix: string, key: string): string | undefined {
  if (!key.startsWith(`${keyPrefix}{`) || !key.endsWith('}')) return undefined;
  return key
    .slice(keyPrefix.length + 1, -1)
    .replace(/%(D[89A-F][0-9A-F]{2}|25|7B|7D)/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}
