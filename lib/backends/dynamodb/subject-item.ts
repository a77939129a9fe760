import { createHash } from 'node:crypto';
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { CounterState } from '../../algorithms/algorithm.js';
import { RateLimitConfigurationError } from '../../contracts/errors.js';
import type { Policy } from '../../contracts/policy.js';

/** Names of the attributes of an item. */
export const ATTRIBUTES = {
  subject: 'subject',
  version: 'version',
  writtenAt: 'writtenAt',
  clock: 'clock',
  counters: 'counters',
  expiresAt: 'expiresAt',
} as const;

/** How long an item is kept after its last counter is over, in ms: longer than any skew between clocks. */
const GRACE_MS = 3_600_000;

/** How long a counter that is over stays in an item that is written again, in ms. */
const COUNTER_GRACE_MS = 1_000;

/** The state of one policy, and when it is that of a key never seen. */
export interface StoredCounter {
  readonly state: CounterState;
  readonly keptUntilMs: number;
}

/** All counters of one subject, as one item of the table. */
export interface SubjectItem {
  /** Different after each write, and never the same again; `undefined`: there is no such item. */
  readonly version: string | undefined;
  /** Time of the last write, ms since the epoch. */
  readonly writtenAtMs: number;
  /** Whose clock told that time. */
  readonly clock: string;
  /** By `counterId`. */
  readonly counters: ReadonlyMap<string, StoredCounter>;
}

export type RawItem = Record<string, AttributeValue>;

export const NO_ITEM: SubjectItem = { version: undefined, writtenAtMs: 0, clock: '', counters: new Map() };

const ids = new WeakMap<Policy, string>();

/** Names a policy's counter in its item: short, since every decision writes it. */
export function counterId(policy: Policy): string {
  let id = ids.get(policy);
  if (id === undefined) {
    id = createHash('sha256').update(policy.id).digest('base64url').slice(0, 10);
    ids.set(policy, id);
  }
  return id;
}

/** The item as the table has it. Counters that are over are left out. */
export function encode(subject: string, item: SubjectItem & { readonly version: string }): RawItem {
  const { version, writtenAtMs, clock, counters } = item;
  const kept = [...counters].filter(([, { keptUntilMs }]) => keptUntilMs + COUNTER_GRACE_MS > writtenAtMs);
  const untilMs = kept.reduce((latest, [, { keptUntilMs }]) => Math.max(latest, keptUntilMs), writtenAtMs);
  return {
    [ATTRIBUTES.subject]: { S: subject },
    [ATTRIBUTES.version]: { S: version },
    [ATTRIBUTES.writtenAt]: { N: String(writtenAtMs) },
    [ATTRIBUTES.clock]: { S: clock },
    [ATTRIBUTES.counters]: { S: JSON.stringify(Object.fromEntries(kept.map(([id, one]) => [id, numbersOf(one)]))) },
    [ATTRIBUTES.expiresAt]: { N: String(Math.ceil((untilMs + GRACE_MS) / 1000)) },
  };
}

/** @throws RateLimitConfigurationError for an item that something else wrote */
export function decode(raw: RawItem): SubjectItem {
  const version = raw[ATTRIBUTES.version]?.S;
  const writtenAtMs = Number(raw[ATTRIBUTES.writtenAt]?.N);
  const clock = raw[ATTRIBUTES.clock]?.S;
  const text = raw[ATTRIBUTES.counters]?.S;
  if (version === undefined || clock === undefined || text === undefined || !Number.isSafeInteger(writtenAtMs)) {
    throw foreign();
  }
  return { version, writtenAtMs, clock, counters: countersOf(text) };
}

function countersOf(text: string): ReadonlyMap<string, StoredCounter> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw foreign();
  }
  if (typeof parsed !== 'object' || parsed === null) throw foreign();
  return new Map(Object.entries(parsed).map(([id, numbers]) => [id, counterOf(numbers)]));
}

const foreign = (): RateLimitConfigurationError =>
  new RateLimitConfigurationError(
    'dynamodbBackend.table',
    'an item that the limiter did not write',
    'Give the limiter a table of its own.',
  );

/** `[keptUntilMs, windowMs, at, used, rest, ...log]`; the log as differences, which are shorter than times. */
function numbersOf({ keptUntilMs, state: { windowMs, at, used, rest, log } }: StoredCounter): number[] {
  const numbers = [keptUntilMs, windowMs, at, used, rest];
  return log === undefined ? numbers : [...numbers, -1, ...log.map((value, index) => value - (log[index - 2] ?? 0))];
}

function counterOf(numbers: unknown): StoredCounter {
  if (!isNumbers(numbers) || numbers.length < 5) throw foreign();
  const [keptUntilMs, windowMs, at, used, rest, ...more] = numbers as [number, number, number, number, number];
  return {
    keptUntilMs,
    state: { windowMs, at, used, rest, log: more.length === 0 ? undefined : logOf(more.slice(1)) },
  };
}

function logOf(differences: readonly number[]): number[] {
  const log: number[] = [];
  for (const [index, value] of differences.entries()) log.push(value + (log[index - 2] ?? 0));
  return log;
}

const isNumbers = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((one) => Number.isSafeInteger(one));
