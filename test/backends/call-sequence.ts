import fc from 'fast-check';
import type { AlgorithmName, CalendarWindow, Policy } from '../../lib/contracts/policy.js';

const WINDOWS = [1, 7, 10, 1_000, 1_001, 60_000, 366 * 86_400_000];
export const KEYS = ['user:42', 'global'];
export const POLICIES = 3;

/** What a policy may become while its counters live. */
export interface Shape extends Pick<Policy, 'limit' | 'windowMs' | 'burst' | 'blockForMs' | 'mode'> {
  /** Of a fixed window. */
  readonly calendar?: CalendarWindow | undefined;
  readonly timeZone?: string;
}

/** A cost for each policy and key, `null` where it is not asked; the first always is. */
type Costs = readonly (number | null)[];

export type Step =
  | { readonly kind: 'consume'; readonly costs: Costs; readonly overdraw: boolean }
  | { readonly kind: 'peek' | 'renew' | 'reset'; readonly costs: Costs }
  | { readonly kind: 'refund'; readonly costs: Costs; readonly agoCalls: number | null; readonly owed: number | null }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'change'; readonly index: number; readonly shape: Shape };

/** What is asked of a limiter, one after another, while time passes and policies change. */
export interface CallSequence {
  readonly algorithms: readonly AlgorithmName[];
  readonly shapes: readonly Shape[];
  readonly steps: readonly Step[];
}

const shape: fc.Arbitrary<Shape> = fc.record({
  // Beyond 60 units, a strict window takes some of them together.
  limit: fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 0, max: 10 }) }, fc.integer({ min: 58, max: 75 })),
  windowMs: fc.constantFrom(...WINDOWS),
  burst: fc.integer({ min: 1, max: 12 }),
  blockForMs: fc.constantFrom(0, 0, 0, 5, 1_500),
  mode: fc.constantFrom<Policy['mode']>('enforce', 'enforce', 'enforce', 'shadow'),
  calendar: fc.constantFrom<(CalendarWindow | undefined)[]>(
    undefined,
    'calendar-day',
    'calendar-week',
    'calendar-month',
  ),
  timeZone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kathmandu'),
});

const cost = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: 0, max: 4 }) },
  { weight: 4, arbitrary: fc.integer({ min: 5, max: 13 }) },
  { weight: 1, arbitrary: fc.integer({ min: 14, max: 70 }) },
  { weight: 2, arbitrary: fc.constantFrom(2 ** 31, 2 ** 40 + 1, Number.MAX_SAFE_INTEGER) },
);

const PLACES = POLICIES * KEYS.length;

const several: fc.Arbitrary<Costs> = fc.tuple(cost, ...Array.from({ length: PLACES - 1 }, () => fc.option(cost)));

/** One policy of one key, and nearly always the same: a row with one counter is what most rows are. */
const alone: fc.Arbitrary<Costs> = fc
  .tuple(cost, fc.nat({ max: 39 }))
  .map(([units, place]) =>
    Array.from({ length: PLACES }, (_, index) => (index === (place < PLACES ? place : 0) ? units : null)),
  );

const milliseconds = fc.oneof(
  fc.integer({ min: 0, max: 12 }),
  fc.integer({ min: -12, max: 0 }),
  fc.integer({ min: 0, max: 2_500 }),
  fc.constantFrom(999, 1_000, 1_001, 59_999, 60_000, 90_000, -1, -1_000, -60_000, -7_200_000, 366 * 86_400_000),
  // To the borders of calendar windows, and over them.
  fc.constantFrom(3_600_000, 12 * 3_600_000, 24 * 3_600_000, 30 * 86_400_000, -86_400_000, -3 * 86_400_000),
);

const stepOf = (costs: fc.Arbitrary<Costs>): fc.Arbitrary<Step> =>
  fc.oneof(
    {
      weight: 10,
      arbitrary: fc.record({
        kind: fc.constant('consume'),
        costs,
        overdraw: fc.nat({ max: 4 }).map((one) => one === 0),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('peek', 'peek', 'renew', 'reset'), costs }) },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('refund'),
        costs,
        agoCalls: fc.option(fc.nat({ max: 3 })),
        owed: fc.option(fc.oneof(fc.nat({ max: 10_000 }), fc.constantFrom(3_660_000, 2 ** 45))),
      }),
    },
    { weight: 8, arbitrary: fc.record({ kind: fc.constant('pass'), ms: milliseconds }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('change'), index: fc.nat({ max: POLICIES - 1 }), shape }) },
  );

/**
 * Any sequence of calls by policies of these algorithms.
 *
 * @param kind whether a call asks several policies and keys, or one
 */
export function callSequences(
  algorithms: readonly AlgorithmName[],
  kind: 'several' | 'alone',
): fc.Arbitrary<CallSequence> {
  return fc.record({
    algorithms: fc.tuple(...Array.from({ length: POLICIES }, () => fc.constantFrom(...algorithms))),
    shapes: fc.tuple(...Array.from({ length: POLICIES }, () => shape)),
    steps: fc.array(stepOf(kind === 'several' ? several : alone), { minLength: 1, maxLength: 30, size: 'max' }),
  });
}
