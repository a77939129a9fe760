import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import type { Charge, Refund, Reply } from '../../../lib/contracts/backend.js';
import {
  ALGORITHM_NAMES,
  COUNTING_ALGORITHMS,
  type CalendarWindow,
  type Policy,
} from '../../../lib/contracts/policy.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { CLOCK_START_MS, manualClock } from '../../support/manual-clock.js';
import { RedisServer } from '../../support/redis-server.js';
import { ReferenceLimiter, type ReferenceCall } from './reference-limiter.js';
import { loadTimedScript, timedLimiter, type TimedLimiter } from './timed-limiter.js';

const WINDOWS = [1, 7, 10, 1_000, 1_001, 60_000, 366 * 86_400_000];
const KEYS = ['user:42', 'global'];
const POLICIES = 3;

/** What a policy may become while its counters live. */
interface Shape {
  readonly limit: number;
  readonly windowMs: number;
  readonly burst: number;
  readonly blockForMs: number;
  readonly mode: Policy['mode'];
  /** Of a fixed window. */
  readonly calendar?: CalendarWindow | undefined;
  readonly timeZone?: string;
}

type Step =
  | { readonly kind: 'consume'; readonly costs: readonly (number | null)[]; readonly overdraw: boolean }
  | { readonly kind: 'peek' | 'renew' | 'reset'; readonly costs: readonly (number | null)[] }
  | {
      readonly kind: 'refund';
      readonly costs: readonly (number | null)[];
      readonly agoCalls: number | null;
      readonly owed: number | null;
    }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'change'; readonly index: number; readonly shape: Shape };

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
/** A cost for each policy and key, `null` where it is not asked; the first always is. */
const costs = fc.tuple(cost, ...Array.from({ length: POLICIES * KEYS.length - 1 }, () => fc.option(cost)));

const milliseconds = fc.oneof(
  fc.integer({ min: 0, max: 12 }),
  fc.integer({ min: -12, max: 0 }),
  fc.integer({ min: 0, max: 2_500 }),
  fc.constantFrom(999, 1_000, 1_001, 59_999, 60_000, 90_000, -1, -1_000, -60_000, -7_200_000, 366 * 86_400_000),
  // To the borders of calendar windows, and over them.
  fc.constantFrom(3_600_000, 12 * 3_600_000, 24 * 3_600_000, 30 * 86_400_000, -86_400_000, -3 * 86_400_000),
);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('consume'),
      costs,
      overdraw: fc.constantFrom(false, false, false, false, true),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('peek', 'peek', 'renew', 'reset'), costs }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('refund'),
      costs,
      agoCalls: fc.option(fc.integer({ min: 0, max: 3 })),
      owed: fc.option(fc.oneof(fc.integer({ min: 0, max: 10_000 }), fc.constantFrom(3_660_000, 2 ** 45))),
    }),
  },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('pass'), ms: milliseconds }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('change'), index: fc.integer({ min: 0, max: POLICIES - 1 }), shape }),
  },
);

const sequence = fc.record({
  algorithms: fc.tuple(...Array.from({ length: POLICIES }, () => fc.constantFrom(...ALGORITHM_NAMES))),
  shapes: fc.tuple(...Array.from({ length: POLICIES }, () => shape)),
  steps: fc.array(step, { minLength: 1, maxLength: 30, size: 'max' }),
});

type Sequence = typeof sequence extends fc.Arbitrary<infer S> ? S : never;

/** One sequence, on Redis and on the pure functions at the same times. */
class Replay {
  private readonly clock = manualClock(CLOCK_START_MS + 59_990);
  private readonly reference = new ReferenceLimiter(this.clock);
  private readonly redis: TimedLimiter;
  private readonly policies: Policy[];
  private readonly sentAtMs: number[] = [];
  private readonly checks: (() => void)[] = [];
  private readonly pending: Promise<unknown>[] = [];

  constructor(
    client: Redis,
    private readonly given: Sequence,
    name: string,
  ) {
    this.redis = timedLimiter(client, this.clock, `${name}:`);
    this.policies = given.algorithms.map((algorithm, index) => shaped(index, algorithm, given.shapes[index]!));
  }

  /** Sends all calls at once, on one connection, and compares when all are answered. */
  async run(): Promise<void> {
    for (const step of this.given.steps) {
      this.take(step);
      this.compare('peek', { charges: this.charges(Array<number>(POLICIES * KEYS.length).fill(0)) });
    }
    await Promise.all(this.pending);
    this.checks.forEach((check) => check());
  }

  private take(step: Step): void {
    switch (step.kind) {
      case 'pass':
        return this.clock.advance(step.ms);
      case 'change':
        this.policies[step.index] = shaped(step.index, this.policies[step.index]!.algorithm, step.shape);
        return;
      case 'refund': {
        const chargedAtMs = step.agoCalls === null ? undefined : this.sentAtMs.at(-1 - step.agoCalls);
        const { owed } = step;
        const charges: readonly Refund[] = this.charges(step.costs);
        return this.compare('refund', {
          charges: owed === null ? charges : charges.map((charge) => ({ ...charge, owed })),
          ...(chargedAtMs === undefined ? {} : { chargedAtMs }),
        });
      }
      case 'consume':
        this.sentAtMs.push(this.clock());
    }
    this.compare(step.kind, { ...step, charges: this.charges(step.costs) });
  }

  private compare(
    verb: 'consume' | 'peek' | 'refund' | 'renew' | 'reset',
    call: Omit<ReferenceCall, 'timeoutMs'>,
  ): void {
    const request = { ...call, timeoutMs: 1_000 };
    const index = this.pending.length;
    let actual: Reply | void;
    this.pending.push(this.inTime(() => this.redis.backend[verb]?.(request)).then((reply) => (actual = reply)));
    const expected = this.reference[verb](request);
    const trace = this.reference.lastTrace;
    this.checks.push(() => {
      assert.deepEqual(actual, expected);
      assert.deepEqual(this.redis.traces[index], trace);
    });
  }

  /** Sends a call from a process whose clock is that of the server. */
  private inTime<T>(send: () => T | Promise<T>): Promise<T> {
    const { now } = Date;
    Date.now = this.clock;
    try {
      return Promise.resolve(send());
    } finally {
      Date.now = now;
    }
  }

  private charges(costs: readonly (number | null)[]): Charge[] {
    return costs.flatMap((cost, place) => {
      const policy = this.policies[place % POLICIES]!;
      const key = KEYS[Math.floor(place / POLICIES)]!;
      if (cost === null) return [];
      // Few slots, so that calls meet in them.
      const isSlot = policy.algorithm === 'concurrency';
      return [isSlot ? { key, policy, cost: Math.min(cost, 1), slot: cost % 7 } : { key, policy, cost }];
    });
  }
}

function shaped(index: number, algorithm: Policy['algorithm'], { burst, calendar, timeZone, ...rest }: Shape): Policy {
  const isCalendar = algorithm === 'fixed-window' && calendar !== undefined;
  return testPolicy({
    name: `p${index}`,
    algorithm,
    ...rest,
    ...(isCalendar ? { calendar, ...(timeZone === undefined ? {} : { timeZone }) } : {}),
    burst: algorithm === 'token-bucket' ? burst : rest.limit,
  });
}

/** Asks the first policy of the first key alone. */
const only = (units: number): [number, ...(number | null)[]] => [
  units,
  ...Array<null>(POLICIES * KEYS.length - 1).fill(null),
];

const same = <T>(value: T): [T, T, T] => [value, value, value];

describe('the script', () => {
  let server: RedisServer;
  let client: Redis;
  beforeAll(async () => {
    server = await RedisServer.start();
    client = new Redis(server.url);
    await loadTimedScript(client);
  });
  afterAll(async () => {
    client.disconnect();
    await server.stop();
  });

  it('decides as the pure functions do, whatever is asked and however the clock and the policies move', async () => {
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(sequence, async (given) => {
        runs += 1;
        await new Replay(client, given, `replay${runs}`).run();
      }),
      { numRuns: Number(process.env['REPLAY_RUNS'] ?? 3_000) },
    );
  }, 120_000);

  it('counts the window before no more than in full when the clock steps back over a border', async () => {
    const quota: Shape = { limit: 10, windowMs: 1_000, burst: 10, blockForMs: 0, mode: 'enforce' };
    const consume = (units: number): Step => ({ kind: 'consume', costs: only(units), overdraw: false });
    const pass = (ms: number): Step => ({ kind: 'pass', ms });
    const steps = [consume(6), pass(10), consume(1), pass(-5), consume(3), consume(1)];
    await new Replay(client, { algorithms: same('sliding-window'), shapes: same(quota), steps }, 'border').run();
  });

  // A number below 2^35 is sent as five digits to the base 128.
  it.each([2 ** 28 - 1, 2 ** 28, 2 ** 34 + 129, 2 ** 35 - 1, 2 ** 35, 2 ** 36 + 1])(
    'reads a limit, a window and a cost of %d',
    async (number) => {
      const large = { limit: number, windowMs: 1_000, burst: number, blockForMs: 0, mode: 'enforce' } as const;
      const long = { ...large, limit: 3, windowMs: number, burst: 3 };
      const consume = (...units: [number, number, number]): Step => {
        return { kind: 'consume', costs: [...units, null, null, null], overdraw: false };
      };
      const steps = [consume(number - 2, 1, number), consume(2, 1, 0), consume(1, 1, 0), consume(0, 1, 1)];
      for (const algorithm of COUNTING_ALGORITHMS) {
        const given: Sequence = { algorithms: same(algorithm), shapes: [large, long, large], steps };
        await new Replay(client, given, `${algorithm} of ${number}`).run();
      }
    },
  );

  it.each(['fixed-window', 'sliding-window', 'token-bucket'] as const)(
    'counts ten million a month by a %s, whatever becomes of it',
    async (algorithm) => {
      const DAY_MS = 86_400_000;
      const plan = (limit: number, days: number): Shape => {
        return { limit, windowMs: days * DAY_MS, burst: limit, blockForMs: 0, mode: 'enforce' };
      };
      const consume = (units: number, overdraw = false): Step => ({ kind: 'consume', costs: only(units), overdraw });
      const refund = (units: number, owed: number | null): Step => {
        return { kind: 'refund', costs: only(units), agoCalls: 1, owed };
      };
      const pass = (ms: number): Step => ({ kind: 'pass', ms });
      const change = (shape: Shape): Step => ({ kind: 'change', index: 0, shape });
      const calls = [consume(9_999_993), consume(7), consume(1), pass(259), consume(1), pass(1), consume(1)];
      const steps = [
        ...calls,
        pass(7 * DAY_MS + 1),
        ...calls,
        refund(12_345, null),
        refund(3, 5_000_000 * 30 * DAY_MS),
        pass(-DAY_MS),
        consume(1),
        change(plan(20_000_000, 30)),
        ...calls,
        change(plan(10_000_000, 31)),
        consume(4),
        pass(29 * DAY_MS + 777),
        ...calls,
        change(plan(100, 30)),
        consume(1),
        pass(DAY_MS),
        change(plan(10_000_000, 30)),
        consume(12_345_678, true),
        consume(1),
      ];
      const given: Sequence = { algorithms: same(algorithm), shapes: same(plan(10_000_000, 30)), steps };
      await new Replay(client, given, `million of ${algorithm}`).run();
    },
  );

  it.each(COUNTING_ALGORITHMS)(
    'keeps the debt of a %s exact, whatever is charged and given back',
    async (algorithm) => {
      const most = Number.MAX_SAFE_INTEGER;
      const quota: Shape = { limit: 10, windowMs: 1_000, burst: 10, blockForMs: 0, mode: 'enforce' };
      const overdraw = (units: number): Step => ({ kind: 'consume', costs: only(units), overdraw: true });
      const refund = (units: number): Step => ({ kind: 'refund', costs: only(units), agoCalls: null, owed: null });
      const steps = [
        overdraw(3),
        overdraw(most),
        overdraw(most),
        refund(5),
        refund(most - 20),
        refund(2 ** 42),
        refund(most),
      ];
      const given: Sequence = { algorithms: same(algorithm), shapes: same(quota), steps };
      await new Replay(client, given, `debt of ${algorithm}`).run();
    },
  );
});
