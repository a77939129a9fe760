import { RateLimitConfigurationError } from '../contracts/errors.js';
import type { PolicyChangeEvent } from '../contracts/events.js';
import type { PlainPolicy, PolicyDocument, PolicyOverride } from '../contracts/policy-store.js';
import { parseKeyPattern } from './key-pattern.js';
import { anObject, onlyKnown } from './option-checks.js';

/** No change: the module's definitions apply. */
export const UNCHANGED: PolicyDocument = Object.freeze({ policies: {}, overrides: [], shadow: false });

/** What happens to the counters of a changed policy. */
export type CarryOver = 'as-is' | 'proportional' | 'reset';

/** One difference between two documents. */
export type PolicyChange = Pick<PolicyChangeEvent, 'change' | 'policy' | 'key'>;

/** @param fromLimit the previous limit, for `proportional` */
export function withPolicy(
  document: PolicyDocument,
  name: string,
  policy: string | PlainPolicy,
  carryOver: CarryOver,
  fromLimit: number,
): PolicyDocument {
  const changed = { ...document, policies: { ...document.policies, [name]: policy } };
  if (carryOver === 'as-is') return changed;
  const series = (document.counters?.[name]?.series ?? 0) + 1;
  const carried = carryOver === 'proportional' ? { series, fromLimit } : { series };
  return { ...changed, counters: { ...document.counters, [name]: carried } };
}

export function withoutPolicy(document: PolicyDocument, name: string): PolicyDocument {
  const { [name]: _dropped, ...policies } = document.policies;
  return { ...document, policies };
}

/** A new override replaces one with the same policy and key. */
export const withOverride = (document: PolicyDocument, override: PolicyOverride): PolicyDocument => ({
  ...document,
  overrides: [...withoutOverride(document, override.policy, override.key).overrides, override],
});

export const withoutOverride = (document: PolicyDocument, policy: string, key: string): PolicyDocument => ({
  ...document,
  overrides: document.overrides.filter((one) => one.policy !== policy || one.key !== key),
});

/**
 * @param names the chosen policies; `undefined`: all
 * @param known all names of the module
 */
export function withShadow(
  document: PolicyDocument,
  on: boolean,
  names: readonly string[] | undefined,
  known: readonly string[],
): PolicyDocument {
  if (names === undefined) return { ...document, shadow: on };
  const shadowed = known.filter((name) => (names.includes(name) ? on : isShadowed(document, name)));
  return { ...document, shadow: shadowed.length > 0 ? shadowed : false };
}

/** Whether a policy is in shadow mode; without a name: a policy outside the module. */
export const isShadowed = ({ shadow }: PolicyDocument, name: string | undefined): boolean =>
  typeof shadow === 'boolean' ? shadow : name !== undefined && shadow.includes(name);

/** The document without ended overrides. */
export function withoutEnded(document: PolicyDocument, nowMs: number): PolicyDocument {
  const overrides = document.overrides.filter(({ until }) => until === undefined || Date.parse(until) > nowMs);
  return overrides.length === document.overrides.length ? document : { ...document, overrides };
}

/** The differences of `after`. @param names all policies of the module */
export function changesBetween(
  before: PolicyDocument,
  after: PolicyDocument,
  names: readonly string[],
): readonly PolicyChange[] {
  const changes: PolicyChange[] = [];
  for (const name of names) {
    const [old, now] = [before.policies[name], after.policies[name]];
    const isNewSeries = before.counters?.[name]?.series !== after.counters?.[name]?.series;
    if (now === undefined && old !== undefined) changes.push({ change: 'unset', policy: name });
    else if (now !== undefined && (isNewSeries || !isSame(old, now))) changes.push({ change: 'set', policy: name });
    if (isShadowed(before, name) !== isShadowed(after, name)) changes.push({ change: 'shadow', policy: name });
  }
  const same = (one: PolicyOverride) => (other: PolicyOverride) => one.policy === other.policy && one.key === other.key;
  for (const { policy, key } of before.overrides.filter((one) => !after.overrides.some(same(one)))) {
    changes.push({ change: 'remove-override', policy, key });
  }
  for (const override of after.overrides) {
    const old = before.overrides.find(same(override));
    if (!isSame(old, override)) changes.push({ change: 'override', policy: override.policy, key: override.key });
  }
  return changes;
}

const isSame = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

/**
 * Checks the structure of a stored document; policies are checked when they are compiled.
 *
 * @param option the source, for errors
 * @throws RateLimitConfigurationError with the part, the value and the fix
 */
export function checkedDocument(option: string, value: unknown): PolicyDocument {
  if (value === undefined || value === null) return UNCHANGED;
  anObject(option, value, "Give an object such as { policies: { login: '5/15m' }, overrides: [], shadow: false }.");
  onlyKnown(option, value as object, ['policies', 'overrides', 'shadow', 'counters', 'last']);
  const { policies, overrides, shadow, counters, last } = value as { -readonly [P in keyof PolicyDocument]?: unknown };
  anObject(`${option}.policies`, policies ?? {}, "Give an object of names, such as { login: '5/15m' }.");
  const list: unknown = overrides ?? [];
  if (!Array.isArray(list)) {
    throw new RateLimitConfigurationError(`${option}.overrides`, list, 'Give an array of { policy, key, to }.');
  }
  if (!isShadow(shadow ?? false)) {
    throw new RateLimitConfigurationError(
      `${option}.shadow`,
      shadow,
      "Give true, false or an array of policies' names.",
    );
  }
  return {
    policies: (policies ?? {}) as PolicyDocument['policies'],
    overrides: (list as unknown[]).map((one, index) => checkedOverride(`${option}.overrides[${index}]`, one)),
    shadow: (shadow ?? false) as PolicyDocument['shadow'],
    ...(counters !== undefined && { counters: checkedCounters(`${option}.counters`, counters) }),
    ...(last !== undefined && { last: last as NonNullable<PolicyDocument['last']> }),
  };
}

/** @throws RateLimitConfigurationError for a part that is missing or wrong */
export function checkedOverride(option: string, value: unknown): PolicyOverride {
  anObject(option, value, "Give { policy, key, to }, such as { policy: 'api', key: 'user:42', to: '1000/m' }.");
  onlyKnown(option, value as object, ['policy', 'key', 'to', 'until', 'by', 'reason']);
  const { policy, key, to, until, by, reason } = value as PolicyOverride;
  if (typeof policy !== 'string') {
    throw new RateLimitConfigurationError(`${option}.policy`, policy, "Give the name of one of the module's policies.");
  }
  parseKeyPattern(`${option}.key`, key);
  if (typeof to !== 'string') {
    anObject(`${option}.to`, to, "Give a rate such as '1000/m', options, 'unlimited' or 'blocked'.");
  }
  return {
    policy,
    key,
    to,
    ...(until !== undefined && { until: isoTime(`${option}.until`, until) }),
    ...(by !== undefined && { by }),
    ...(reason !== undefined && { reason }),
  };
}

/**
 * A time as ISO 8601.
 *
 * @param value a date, ms since the epoch, or ISO 8601
 * @throws RateLimitConfigurationError for an invalid time
 */
export function isoTime(option: string, value: Date | string | number): string {
  const date = new Date(value);
  if (!Number.isNaN(date.getTime())) return date.toISOString();
  throw new RateLimitConfigurationError(
    option,
    value,
    "Give a Date, milliseconds since the epoch, or ISO 8601 such as '2026-12-31T23:59:59Z'.",
  );
}

const isShadow = (value: unknown): boolean =>
  typeof value === 'boolean' || (Array.isArray(value) && value.every((name) => typeof name === 'string'));

function checkedCounters(option: string, value: unknown): NonNullable<PolicyDocument['counters']> {
  anObject(option, value, 'Do not edit it by hand: it says which counters started again.');
  for (const [name, carried] of Object.entries(value as Record<string, { series?: unknown } | null>)) {
    if (!Number.isSafeInteger(carried?.series)) {
      throw new RateLimitConfigurationError(`${option}.${name}.series`, carried?.series, 'Give a whole number.');
    }
  }
  return value as NonNullable<PolicyDocument['counters']>;
}
