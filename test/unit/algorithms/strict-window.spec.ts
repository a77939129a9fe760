import type { Policy } from '../../../lib/contracts/policy.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { PureLimiter } from './pure-limiter.js';
import { randomNumbers } from '../../support/random-numbers.js';

/** For each policy and shape, at least; `npm run prove:strict-window` takes a million. */
const ARRIVALS = Number(process.env['ARRIVALS'] ?? 5_000);

const START_MS = Date.UTC(2026, 0, 1) + 12_345;

const POLICIES: readonly (readonly [limit: number, windowMs: number])[] = [
  [3, 60_000],
  [60, 1_000],
  [61, 1_000],
  [100, 86_400_000],
  [1_000, 60_000],
  [10_000, 1_009],
];

interface Arrival {
  readonly gapMs: number;
  readonly cost: number;
}

/** When calls come, given the policy and numbers from 0 to 1 that are the same in each run. */
type Shape = (policy: Policy, random: () => number) => () => Arrival;

/** Calls at random: so many times what the limit allows. */
const random =
  (load: number): Shape =>
  ({ limit, windowMs }, next) =>
  () => ({ gapMs: (-Math.log(1 - next()) * windowMs) / limit / load, cost: 1 });

/** A burst of the whole limit within a part of the window, again and again after a time. */
const lockstep =
  (spread: number, everyWindows: number): Shape =>
  ({ limit, windowMs }) => {
    let call = 0;
    return () => {
      call += 1;
      const isLast = call % limit === 0;
      return { gapMs: isLast ? windowMs * (everyWindows - spread) : (windowMs * spread) / limit, cost: 1 };
    };
  };

const RANDOM: Readonly<Record<string, Shape>> = {
  'four fifths of the limit': random(0.8),
  'just what the limit allows': random(1),
  'a tenth more': random(1.1),
  'twice as many': random(2),
  'ten times as many': random(10),
};

const PATTERNS: Readonly<Record<string, Shape>> = {
  'bursts of the limit at once, just beyond each window': lockstep(0, 1.001),
  'bursts of the limit at once, a window apart': lockstep(0, 1),
  'bursts of the limit over half a sub-window, just beyond each window': lockstep(1 / 120, 1.001),
  'bursts of the limit over a tenth of the window, half a window apart': lockstep(0.1, 0.5),
  'bursts of any size at any time':
    ({ limit, windowMs }, next) =>
    () => ({ gapMs: next() < 0.02 ? next() * windowMs : next() * 2, cost: 1 + Math.floor(next() ** 4 * limit) }),
  'a slow drip, with a burst now and then':
    ({ limit, windowMs }, next) =>
    () => ({ gapMs: next() < 0.3 ? 0 : windowMs / limit, cost: 1 }),
};

/** All units of the last window, each by itself, to be counted again. */
class LastWindow {
  private readonly came: number[] = [];
  private head = 0;
  private units = 0;
  total = 0;

  constructor(private readonly policy: Policy) {}

  add(nowMs: number, cost: number): void {
    this.came.push(nowMs, cost);
    this.units += cost;
    this.total += cost;
  }

  unitsAt(nowMs: number): number {
    while (this.head < this.came.length && this.came[this.head]! + this.policy.windowMs <= nowMs) {
      this.units -= this.came[this.head + 1]!;
      this.head += 2;
    }
    return this.units;
  }
}

/**
 * Lets calls arrive, and fails where an interval of the window's length holds more than the limit.
 *
 * @returns what was admitted, as a share of what an exact log admits
 */
function shareOfExact(policy: Policy, shape: Shape): number {
  const limiter = new PureLimiter();
  const admitted = new LastWindow(policy);
  const exact = new LastWindow(policy);
  const next = shape(policy, randomNumbers(policy.limit + policy.windowMs));
  let time = START_MS;
  for (let arrival = 0; arrival < Math.max(ARRIVALS, 4 * policy.limit); arrival += 1) {
    const { gapMs, cost } = next();
    time += gapMs;
    const nowMs = Math.floor(time);
    if (limiter.consume(policy, cost, nowMs).allowed) admitted.add(nowMs, cost);
    if (exact.unitsAt(nowMs) + cost <= policy.limit) exact.add(nowMs, cost);
    const units = admitted.unitsAt(nowMs);
    if (units > policy.limit) throw new Error(`${units} units in the window until ${nowMs}`);
    const records = (limiter.stored?.log?.length ?? 0) / 2 + 1;
    if (records > 60) throw new Error(`${records} records`);
  }
  return admitted.total / exact.total;
}

describe.each(POLICIES)('a strict window of %s units in %s ms', (limit, windowMs) => {
  const policy = testPolicy({ algorithm: 'strict-window', limit, windowMs });
  const least = (share: number): number => (limit <= 60 ? 1 : share);

  it.each(Object.entries(RANDOM))(
    'never holds more, and admits 98 %% of what an exact log does, at %s',
    (_name, shape) => {
      expect(shareOfExact(policy, shape)).toBeGreaterThanOrEqual(least(0.98));
    },
  );

  it.each(Object.entries(PATTERNS))('never holds more, and admits at least half, of %s', (_name, shape) => {
    expect(shareOfExact(policy, shape)).toBeGreaterThanOrEqual(least(0.5));
  });
});
