import fc from 'fast-check';
import { ALGORITHM_NAMES, COUNTING_ALGORITHMS } from '../../../lib/contracts/policy.js';
import { manualClock } from '../../support/manual-clock.js';
import { PostgresServer } from '../../support/postgres-server.js';
import { callSequences, type CallSequence, type Shape, type Step } from '../call-sequence.js';
import { ReferenceLimiter } from '../reference-limiter.js';
import { only, Replay, same } from '../replay.js';
import { timedLimiter, type TimedLimiter } from './timed-limiter.js';

/** As long as thousands of runs take, by `npm run prove:postgres`. */
const RUNS_TIMEOUT_MS = 900_000;

const clock = manualClock();

describe('the function', () => {
  let server: PostgresServer;
  let timed: TimedLimiter;
  beforeAll(async () => {
    server = await PostgresServer.start();
    timed = await timedLimiter(server.url, clock, 'replay');
  });
  afterAll(async () => {
    await timed[Symbol.asyncDispose]();
    await server.stop();
  });

  const replay = (given: CallSequence, name: string, aheadMs = 0): Promise<void> => {
    const reference = new ReferenceLimiter(clock, { counter: 7, record: 2 });
    return new Replay(
      { backend: timed.backend, reference, clock, oneByOne: true, aheadMs, keyPrefix: `${name}:` },
      given,
    ).run();
  };

  it.each([
    ['several policies and keys', 'several'],
    ['one policy of one key', 'alone'],
  ] as const)(
    'decides on %s as the pure functions do, however the clock and the policies move',
    async (_what, kind) => {
      let runs = 0;
      await fc.assert(
        fc.asyncProperty(callSequences(ALGORITHM_NAMES, kind), async (given) => {
          runs += 1;
          await replay(given, `${kind}${runs}`);
        }),
        { numRuns: Number(process.env['REPLAY_RUNS'] ?? 150) },
      );
    },
    RUNS_TIMEOUT_MS,
  );

  it('counts the window before no more than in full when the clock steps back over a border', async () => {
    const quota: Shape = { limit: 10, windowMs: 1_000, burst: 10, blockForMs: 0, mode: 'enforce' };
    const consume = (units: number): Step => ({ kind: 'consume', costs: only(units), overdraw: false });
    const pass = (ms: number): Step => ({ kind: 'pass', ms });
    const steps = [consume(6), pass(10), consume(1), pass(-5), consume(3), consume(1)];
    const given: CallSequence = { algorithms: same('sliding-window'), shapes: same(quota), steps };
    await replay(given, 'border');
  });

  it('repays the debt of a bucket at the old rate until a new one is first seen', async () => {
    const quota: Shape = { limit: 2, windowMs: 1_000, burst: 10, blockForMs: 0, mode: 'enforce' };
    const consume = (units: number): Step => ({ kind: 'consume', costs: only(units), overdraw: false });
    const faster: Step = { kind: 'change', index: 0, shape: { ...quota, limit: 5 } };
    const steps = [consume(8), { kind: 'pass', ms: 700 } as const, faster, consume(1), consume(2)];
    const given: CallSequence = { algorithms: same('token-bucket'), shapes: same(quota), steps };
    await replay(given, 'rate');
  });

  it.each([2 ** 31, 2 ** 36 + 1, 2 ** 41])('reads a limit, a window and a cost of %d', async (number) => {
    const large: Shape = { limit: number, windowMs: 1_000, burst: number, blockForMs: 0, mode: 'enforce' };
    const long: Shape = { ...large, limit: 3, windowMs: number, burst: 3 };
    const consume = (...units: number[]): Step => {
      return { kind: 'consume', costs: [...units, null, null, null], overdraw: false };
    };
    const steps = [consume(number - 2, 1, number), consume(2, 1, 0), consume(1, 1, 0), consume(0, 1, 1)];
    for (const algorithm of COUNTING_ALGORITHMS) {
      const given: CallSequence = { algorithms: same(algorithm), shapes: [large, long, large], steps };
      await replay(given, `${algorithm} of ${number}`);
    }
  });

  describe('where it is rare', () => {
    const quota: Shape = { limit: 60, windowMs: 1_000, burst: 60, blockForMs: 0, mode: 'enforce' };
    const consume = (units: number, overdraw = false): Step => ({ kind: 'consume', costs: only(units), overdraw });
    const pass = (ms: number): Step => ({ kind: 'pass', ms });
    const refund = (agoCalls: number): Step => ({ kind: 'refund', costs: only(1), agoCalls, owed: null });

    it('has room for sixty records of a strict window, and lets the newest take in what comes then', async () => {
      const calls = Array.from({ length: 63 }, () => [consume(1, true), pass(2)]).flat();
      const steps = [...calls, pass(870), ...Array.from({ length: 80 }, () => pass(2))];
      const given: CallSequence = { algorithms: same('strict-window'), shapes: same(quota), steps };
      await replay(given, 'records');
    });

    it('gives nothing back of a strict window for a charge that left, whose record is still there', async () => {
      const shape = { ...quota, limit: 75, windowMs: 60_000, burst: 75 };
      const steps = [pass(10), consume(1), pass(500), consume(1), pass(59_600), refund(1), refund(0)];
      const given: CallSequence = { algorithms: same('strict-window'), shapes: same(shape), steps };
      await replay(given, 'left');
    });

    it('gives back what a fixed window was charged in its first millisecond', async () => {
      const steps = [pass(10), consume(3), pass(5), refund(0), pass(994), refund(0), pass(1), refund(0)];
      const given: CallSequence = { algorithms: same('fixed-window'), shapes: same(quota), steps };
      await replay(given, 'first');
    });
  });

  const DAY_MS = 86_400_000;

  // First where the borders that are told suffice: from then on the backend knows how far off its clock is.
  it.each([-1, 1, 2, -3, -40, 40])(
    "picks windows of the calendar by the database's clock, where the process's is ahead by %d days",
    async (days) => {
      const shape = { limit: 5, windowMs: DAY_MS, burst: 5, blockForMs: 0, mode: 'enforce', timeZone: 'UTC' } as const;
      const shapes = (['calendar-day', 'calendar-week', 'calendar-month'] as const).map((calendar): Shape => {
        return { ...shape, calendar };
      });
      const consume: Step = { kind: 'consume', costs: [2, 1, 1, null, null, null], overdraw: false };
      const pass = (ms: number): Step => ({ kind: 'pass', ms });
      // To the last millisecond of a day, the first of the next one, and back.
      const steps = [
        consume,
        pass(DAY_MS - 59_991),
        consume,
        pass(1),
        consume,
        consume,
        pass(-1),
        consume,
        pass(DAY_MS),
      ];
      const given: CallSequence = { algorithms: same('fixed-window'), shapes, steps: [...steps, consume, ...steps] };
      await replay(given, `calendar ${days}`, days * DAY_MS);
    },
  );

  const LARGE_PLANS = [
    [10_000_000, 30],
    [1_000_000_000, 1],
    [10_000_000_000, 250],
  ] as const;
  const MULTIPLYING = ['fixed-window', 'sliding-window', 'token-bucket'] as const;

  it.each(MULTIPLYING.flatMap((algorithm) => LARGE_PLANS.map(([limit, days]) => ({ algorithm, limit, days }))))(
    'counts $limit in $days days by a $algorithm, whatever becomes of it',
    async ({ algorithm, limit, days }) => {
      const plan = (units: number, length: number): Shape => {
        return { limit: units, windowMs: length * DAY_MS, burst: units, blockForMs: 0, mode: 'enforce' };
      };
      const consume = (units: number, overdraw = false): Step => ({ kind: 'consume', costs: only(units), overdraw });
      const refund = (units: number, owed: number | null): Step => {
        return { kind: 'refund', costs: only(units), agoCalls: 1, owed };
      };
      const pass = (ms: number): Step => ({ kind: 'pass', ms });
      const change = (shape: Shape): Step => ({ kind: 'change', index: 0, shape });
      const calls = [consume(limit - 7), consume(7), consume(1), pass(259), consume(1), pass(1), consume(1)];
      const steps = [
        ...calls,
        pass((days * DAY_MS) / 4 + 1),
        ...calls,
        consume(12_345),
        pass(days * DAY_MS + 777),
        consume(3),
        refund(12_345, null),
        refund(3, (limit / 2) * days * DAY_MS),
        pass(-DAY_MS),
        consume(1),
        change(plan(limit * 2, days)),
        ...calls,
        change(plan(limit, days + 1)),
        consume(4),
        pass(days * DAY_MS - 777),
        ...calls,
        change(plan(100, days)),
        consume(1),
        pass(DAY_MS),
        consume(1),
        change(plan(limit, days)),
        consume(limit + 12_345, true),
        consume(1),
        pass(days * DAY_MS),
        consume(1),
      ];
      const given: CallSequence = { algorithms: same(algorithm), shapes: same(plan(limit, days)), steps };
      await replay(given, `${limit} in ${days} by ${algorithm}`);
    },
  );

  it('has the limiter decide where an overdraft is beyond the products of the statement for many', async () => {
    const quota: Shape = { limit: 10, windowMs: 30 * DAY_MS, burst: 10, blockForMs: 0, mode: 'enforce' };
    const consume = (units: number, overdraw: boolean): Step => ({ kind: 'consume', costs: only(units), overdraw });
    const steps = [
      consume(Number.MAX_SAFE_INTEGER, true),
      consume(1, false),
      { kind: 'pass', ms: 30 * DAY_MS } as const,
      consume(1, false),
      { kind: 'pass', ms: 29 * DAY_MS } as const,
      consume(1, false),
    ];
    const given: CallSequence = { algorithms: same('sliding-window'), shapes: same(quota), steps };
    await replay(given, 'overdraft');
  });

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
      const given: CallSequence = { algorithms: same(algorithm), shapes: same(quota), steps };
      await replay(given, `debt of ${algorithm}`);
    },
  );

  it.each(COUNTING_ALGORITHMS)(
    'tells that all of a %s is back when only a call is left that could not be counted',
    async (algorithm) => {
      const quota: Shape = { limit: 10, windowMs: 1_000, burst: 10, blockForMs: 0, mode: 'enforce' };
      const overdraw = (units: number): Step => ({ kind: 'consume', costs: only(units), overdraw: true });
      const pass = (ms: number): Step => ({ kind: 'pass', ms });
      const steps = [overdraw(Number.MAX_SAFE_INTEGER), pass(5), overdraw(1), pass(995), pass(5)];
      const given: CallSequence = { algorithms: same(algorithm), shapes: same(quota), steps };
      await replay(given, `no unit of ${algorithm}`);
    },
  );
});
