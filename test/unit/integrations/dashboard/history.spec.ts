import type { Policy } from 'nestjs-floodgate';
import { HotKeys } from '../../../../lib/integrations/dashboard/hot-keys.js';
import { joined } from '../../../../lib/integrations/dashboard/page/history.join.js';
import type { DashboardState } from '../../../../lib/integrations/dashboard/dashboard.schema.js';
import { BucketSeries, TimeBuckets } from '../../../../lib/integrations/dashboard/time-buckets.js';
import { testPolicy } from '../../../../lib/testing/test-policy.js';

describe('buckets of time', () => {
  it.each([
    ['1 minute', 60_000, 1_000, 60],
    ['15 minutes', 900_000, 5_000, 180],
    ['1 hour', 3_600_000, 20_000, 180],
    ['7 minutes', 420_000, 3_000, 140],
  ])('cut %s into whole seconds', (_what, historyMs, bucketMs, count) => {
    const buckets = new TimeBuckets(historyMs);
    expect(buckets.bucketMs).toBe(bucketMs);
    expect(buckets.last(1_000_000)).toHaveLength(count);
    expect(buckets.startOf(buckets.last(1_000_000).at(-1)!)).toBeLessThanOrEqual(1_000_000);
  });

  it('keep each count in its own, forget what is older, and ignore what comes too late', () => {
    const series = new BucketSeries();
    series.add(1_000, 2);
    series.add(1_000, 1);
    series.add(1_003, 5);
    expect(series.read([999, 1_000, 1_001, 1_002, 1_003, 1_004])).toEqual([0, 3, 0, 0, 5, 0]);
    series.add(1_180, 1);
    expect(series.at(1_000)).toBe(0);
    expect(series.at(1_003)).toBe(5);
    series.add(1_000, 7);
    expect([series.at(1_000), series.at(1_180)]).toEqual([0, 1]);
    series.add(9_999, 1);
    expect([series.at(1_003), series.at(1_180), series.at(9_999)]).toEqual([0, 0, 1]);
  });

  it('keep the largest value', () => {
    const series = new BucketSeries();
    for (const value of [3, 9, 4]) series.raise(5, value);
    expect(series.at(5)).toBe(9);
  });
});

describe('hot keys', () => {
  const policy: Policy = testPolicy({ algorithm: 'fixed-window', limit: 1, windowMs: 1_000 });

  it('are found among a flood of others, in bounded memory', () => {
    const keys = new HotKeys(900_000);
    for (let call = 0; call < 20_000; call += 1) {
      keys.count(policy, `stranger:${call}`, 1_000);
      if (call % 20 === 0) keys.count(policy, 'hot', 1_000);
      if (call % 40 === 0) keys.count(policy, 'warm', 1_000);
    }
    const top = keys.top(1_000, 1_000);
    expect(top.length).toBeLessThanOrEqual(400);
    expect(top.slice(0, 2).map(({ key }) => key)).toEqual(['hot', 'warm']);
    const [hot] = top;
    expect(hot!.limited - hot!.atMostOver).toBeLessThanOrEqual(1_000);
    expect(hot!.limited).toBeGreaterThanOrEqual(1_000);
  });

  it('are counted exactly while there is room, for each policy apart', () => {
    const keys = new HotKeys(900_000);
    const other = testPolicy({ id: 'other', algorithm: 'fixed-window', limit: 2, windowMs: 1_000 });
    for (let time = 0; time < 3; time += 1) keys.count(policy, 'key', time);
    keys.count(other, 'key', 9);
    expect(keys.top(9, 9)).toMatchObject([
      { policy, limited: 3, atMostOver: 0, lastMs: 2 },
      { policy: other, limited: 1, atMostOver: 0, lastMs: 9 },
    ]);
  });

  it('fade with the history', () => {
    const keys = new HotKeys(1_000);
    keys.count(policy, 'old', 1_000);
    expect(keys.top(1, 1_400)).toHaveLength(1);
    expect(keys.top(1, 1_600)).toHaveLength(1);
    expect(keys.top(1, 2_200)).toHaveLength(0);
    keys.count(policy, 'older', 3_000);
    expect(keys.top(1, 9_000)).toHaveLength(0);
  });
});

describe('what the stream repeats', () => {
  const state = (buckets: readonly number[], allowed: Readonly<Record<string, readonly number[]>>): DashboardState => ({
    version: 1,
    nowMs: 0,
    startedMs: 0,
    historyMs: 4_000,
    bucketMs: 1_000,
    failureMode: 'closed',
    actions: false,
    showKeys: false,
    buckets,
    policies: Object.entries(allowed).map(([name, series]) => ({
      name,
      quota: null,
      mode: 'enforce',
      totals: { allowed: 0, limited: 0, shadowLimited: 0 },
      allowed: series,
      limited: series,
      shadowLimited: series,
      trial: null,
    })),
    uncounted: [],
    backends: [],
    breakers: [],
    keys: [],
  });
  const known = state([1, 2, 3, 4], { old: [1, 2, 3, 4] });

  it.each([
    ['the last bucket has grown', [3, 4], [3, 9], [1, 2, 3, 9], [1, 2, 3, 4]],
    ['there is a new bucket', [4, 5], [7, 8], [2, 3, 7, 8], [2, 3, 4, 5]],
  ])('is joined to the history when %s', (_what, buckets, values, expected, times) => {
    const next = joined(known, state(buckets, { old: values, new: values }));
    expect(next?.buckets).toEqual(times);
    expect(next?.policies[0]).toMatchObject({ allowed: expected, limited: expected, shadowLimited: expected });
    expect(next?.policies[1]?.allowed).toEqual([0, 0, ...values]);
  });

  it('is not joined when something in between is missing', () => {
    expect(joined(known, state([6, 7], { old: [1, 1] }))).toBeUndefined();
  });
});
