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
