import fc from 'fast-check';
import { ALGORITHM_NAMES, COUNTING_ALGORITHMS } from '../../../lib/contracts/policy.js';
import { manualClock } from '../../support/manual-clock.js';
import { PostgresServer } from '../../support/postgres-server.js';
import { callSequences, type CallSequence, type Shape } from '../call-sequence.js';
import { ReferenceLimiter } from '../reference-limiter.js';
import { Replay } from '../replay.js';
import {
  change,
  consume,
  consumeEach,
  largeNumber,
  largestDebt,
  OVER_A_BORDER,
  pass,
  quota,
  refund,
  same,
} from '../steps.js';
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
    await replay(OVER_A_BORDER, 'border');
  });

  it('repays the debt of a bucket at the old rate until a new one is first seen', async () => {
    const bucket: Shape = { ...quota(2, 1_000), burst: 10 };
    const steps = [consume(8), pass(700), change({ ...bucket, limit: 5 }), consume(1), consume(2)];
    const given: CallSequence = { algorithms: same('token-bucket'), shapes: same(bucket), steps };
    await replay(given, 'rate');
  });

  it.each([2 ** 31, 2 ** 36 + 1, 2 ** 41])('reads a limit, a window and a cost of %d', async (number) => {
    for (const algorithm of COUNTING_ALGORITHMS) {
      await replay(largeNumber(algorithm, number), `${algorithm} of ${number}`);
    }
  });

  describe('where it is rare', () => {
    it('has room for sixty records of a strict window, and lets the newest take in what comes then', async () => {
      const calls = Array.from({ length: 63 }, () => [consume(1, true), pass(2)]).flat();
      const steps = [...calls, pass(870), ...Array.from({ length: 80 }, () => pass(2))];
      const given: CallSequence = { algorithms: same('strict-window'), shapes: same(quota(60, 1_000)), steps };
      await replay(given, 'records');
    });

    it('gives nothing back of a strict window for a charge that left, whose record is still there', async () => {
      const steps = [pass(10), consume(1), pass(500), consume(1), pass(59_600), refund(1, 1), refund(1, 0)];
      const given: CallSequence = { algorithms: same('strict-window'), shapes: same(quota(75, 60_000)), steps };
      await replay(given, 'left');
    });

    it('gives back what a fixed window was charged in its first millisecond', async () => {
      const steps = [pass(10), consume(3), pass(5), refund(1, 0), pass(994), refund(1, 0), pass(1), refund(1, 0)];
      const given: CallSequence = { algorithms: same('fixed-window'), shapes: same(quota(60, 1_000)), steps };
      await replay(given, 'first');
    });
  });

  const DAY_MS = 86_400_000;

  it('keeps a block that is over until the key is charged again, for a clock that steps back', async () => {
    const day: Shape = { ...quota(1, DAY_MS), blockForMs: 1_500, calendar: 'calendar-day', timeZone: 'UTC' };
    const steps = [consume(1), consume(1), pass(3_600_000), consume(5), pass(-3 * DAY_MS), consume(5, true)];
    await replay({ algorithms: same('fixed-window'), shapes: same(day), steps }, 'over');
  });

  // First where the borders that are told suffice: from then on the backend knows how far off its clock is.
  it.each([-1, 1, 2, -3, -40, 40])(
    "picks windows of the calendar by the database's clock, where the process's is ahead by %d days",
    async (days) => {
      const shapes = (['calendar-day', 'calendar-week', 'calendar-month'] as const).map((calendar): Shape => {
        return { ...quota(5, DAY_MS), calendar, timeZone: 'UTC' };
      });
      const call = consumeEach(2, 1, 1);
      // To the last millisecond of a day, the first of the next one, and back.
      const steps = [call, pass(DAY_MS - 59_991), call, pass(1), call, call, pass(-1), call, pass(DAY_MS)];
      const given: CallSequence = { algorithms: same('fixed-window'), shapes, steps: [...steps, call, ...steps] };
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
      const plan = (units: number, length: number): Shape => quota(units, length * DAY_MS);
      const calls = [consume(limit - 7), consume(7), consume(1), pass(259), consume(1), pass(1), consume(1)];
      const steps = [
        ...calls,
        pass((days * DAY_MS) / 4 + 1),
        ...calls,
        consume(12_345),
        pass(days * DAY_MS + 777),
        consume(3),
        refund(12_345, 1),
        refund(3, 1, (limit / 2) * days * DAY_MS),
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
    const overdraft = consume(Number.MAX_SAFE_INTEGER, true);
    const steps = [overdraft, consume(1), pass(30 * DAY_MS), consume(1), pass(29 * DAY_MS), consume(1)];
    const given: CallSequence = { algorithms: same('sliding-window'), shapes: same(quota(10, 30 * DAY_MS)), steps };
    await replay(given, 'overdraft');
  });

  it.each(COUNTING_ALGORITHMS)(
    'keeps the debt of a %s exact, whatever is charged and given back',
    async (algorithm) => {
      await replay(largestDebt(algorithm), `debt of ${algorithm}`);
    },
  );

  it.each(COUNTING_ALGORITHMS)(
    'tells that all of a %s is back when only a call is left that could not be counted',
    async (algorithm) => {
      const steps = [consume(Number.MAX_SAFE_INTEGER, true), pass(5), consume(1, true), pass(995), pass(5)];
      const given: CallSequence = { algorithms: same(algorithm), shapes: same(quota(10, 1_000)), steps };
      await replay(given, `no unit of ${algorithm}`);
    },
  );
});
