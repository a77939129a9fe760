/**
 * Characters that could end a hash tag or look like an escape; and halves of surrogate pairs, which all become one
 * character in UTF-8.
 */
const SPECIAL = /[%{}]|\p{Surrogate}/gu;

/** Whether a subject may contain any of these: a fast check, also true for surrogate pairs. */
const SUSPICIOUS = /[%{}\ud800-\udfff]/;

/**
 * The Redis key of a subject. It contains all of its counters, and only the subject decides its Cluster slot. Two
 * subjects never share a key.
 */
export function subjectKey(keyPrefix: string, subject: string): string {
  return `${keyPrefix}{${SUSPICIOUS.test(subject) ? subject.replace(SPECIAL, escaped) : subject}}`;
}

const escaped = (character: string): string => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;

/** The subject of a Redis key; `undefined` if the key does not belong to the limiter. */
export function subjectOfKey(keyPrefix: string, key: string): string | undefined {
  if (!key.startsWith(`${keyPrefix}{`) || !key.endsWith('}')) return undefined;
  return key
    .slice(keyPrefix.length + 1, -1)
    .replace(/%(D[89A-F][0-9A-F]{2}|25|7B|7D)/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}
