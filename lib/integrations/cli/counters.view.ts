import type { StoredCounter } from '../../backends/stored-counter.js';
import type { AlgorithmName, Policy } from '../../contracts/policy.js';
import type { CounterSource } from './counter-source.js';
import { durationText, table } from './terminal.js';

/** A counter of a key, with what is known of its policy. */
export interface CounterView {
  readonly key: string;
  /** Name of the policy; `null` if none of those that were given has this counter. */
  readonly policy: string | null;
  /** By what the store knows the counter. */
  readonly counter: string;
  readonly algorithm: AlgorithmName | null;
  readonly windowMs: number;
  readonly used: number;
  readonly limit: number | null;
  /** `null`: the limit is not known. */
  readonly remaining: number | null;
  readonly blocked: boolean;
  /** Time until the counter is over. */
  readonly resetAfterMs: number;
}

/** The policies that are known, by what a store calls their counters. */
export type KnownPolicies = ReadonlyMap<string, Policy>;

export const knownPolicies = (source: CounterSource, policies: readonly Policy[]): KnownPolicies =>
  new Map(policies.map((policy) => [source.counterId(policy), policy]));

export function viewOf(key: string, counter: StoredCounter, known: KnownPolicies, nowMs: number): CounterView {
  const policy = known.get(counter.id);
  const blocked = counter.windowMs === 0;
  const capacity = policy?.burst ?? counter.limit ?? null;
  return {
    key,
    policy: policy?.name ?? null,
    counter: counter.id,
    algorithm: counter.algorithm ?? policy?.algorithm ?? null,
    windowMs: blocked ? (policy?.windowMs ?? 0) : counter.windowMs,
    used: counter.used,
    limit: policy?.limit ?? counter.limit ?? null,
    remaining: blocked ? 0 : capacity === null ? null : Math.max(0, capacity - counter.used),
    blocked,
    resetAfterMs: counter.keptUntilMs - nowMs,
  };
}

/** The most used first: blocked ones, then those whose limit is known by the share of it, then the others by units. */
export function byUse(one: CounterView, other: CounterView): number {
  return shareOf(other) - shareOf(one) || other.used - one.used || (one.key < other.key ? -1 : 1);
}

function shareOf({ blocked, remaining, used }: CounterView): number {
  if (blocked) return Number.POSITIVE_INFINITY;
  return remaining === null ? -1 : used / Math.max(used + remaining, 1);
}

/** The counters as a table. */
export const counterTable = (views: readonly CounterView[]): string =>
  table(
    ['KEY', 'POLICY', 'USED', 'LIMIT', 'LEFT', 'WINDOW', 'COUNTED BY', 'OVER IN'],
    views.map((view) => [
      view.key,
      view.policy ?? `(${view.counter})`,
      view.blocked ? 'blocked' : view.used,
      view.limit ?? '?',
      view.remaining ?? '?',
      view.windowMs === 0 ? '?' : durationText(view.windowMs),
      view.algorithm ?? '?',
      durationText(view.resetAfterMs),
    ]),
  );

/** What to say where a policy is not known. */
export const unknownHint = (views: readonly CounterView[]): string =>
  views.some(({ policy }) => policy === null)
    ? "\nA store knows policies by a hash. Name yours to see them: --policy 'login=5/15m', or --policies <file>."
    : '';
