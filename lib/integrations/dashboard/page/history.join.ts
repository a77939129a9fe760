import type { DashboardState } from '../dashboard.schema.js';

/** Joins what the stream repeats of the last buckets to the history that is known. */
export function joined(known: DashboardState, tick: DashboardState): DashboardState | undefined {
  const newest = known.buckets.at(-1) ?? 0;
  const [first = 0] = tick.buckets;
  // Something in between is missing: the whole state has to be asked for.
  if (first > newest || tick.bucketMs !== known.bucketMs) return undefined;
  const kept = known.buckets.filter((bucket) => bucket < first).length;
  const drop = kept + tick.buckets.length - known.buckets.length;
  const join = (old: readonly number[] | undefined, latest: readonly number[]): readonly number[] => [
    ...(old ?? known.buckets.map(() => 0)).slice(Math.max(drop, 0), kept),
    ...latest,
  ];
  return {
    ...tick,
    buckets: join(known.buckets, tick.buckets),
    policies: tick.policies.map((policy) => {
      const old = known.policies.find(({ name }) => name === policy.name);
      return {
        ...policy,
        allowed: join(old?.allowed, policy.allowed),
        limited: join(old?.limited, policy.limited),
        shadowLimited: join(old?.shadowLimited, policy.shadowLimited),
      };
    }),
    uncounted: tick.uncounted.map((one) => ({
      ...one,
      calls: join(known.uncounted.find(({ reason }) => reason === one.reason)?.calls, one.calls),
    })),
    backends: tick.backends.map((backend) => {
      const old = known.backends.find(({ name }) => name === backend.name);
      return {
        ...backend,
        calls: join(old?.calls, backend.calls),
        failures: join(old?.failures, backend.failures),
        meanMs: join(old?.meanMs, backend.meanMs),
        maxMs: join(old?.maxMs, backend.maxMs),
      };
    }),
  };
}
