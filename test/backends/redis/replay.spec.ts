import fc from 'fast-check';
import { Redis } from 'ioredis';
import { ALGORITHM_NAMES, COUNTING_ALGORITHMS } from '../../../lib/contracts/policy.js';
import { manualClock } from '../../support/manual-clock.js';
import { RedisServer } from '../../support/redis-server.js';
import { callSequences, type CallSequence, type Shape } from '../call-sequence.js';
import { ReferenceLimiter } from '../reference-limiter.js';
import { Replay } from '../replay.js';
import { change, consume, largeNumber, largestDebt, OVER_A_BORDER, pass, quota, refund, same } from '../steps.js';
import { loadTimedScript, timedLimiter } from './timed-limiter.js';

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

  const replay = (given: CallSequence, name: string): Promise<void> => {
    const clock = manualClock();
    const reference = new ReferenceLimiter(clock);
    return new Replay({ ...timedLimiter(client, clock, `${name}:`), reference, clock }, given).run();
  };

  it('decides as the pure functions do, whatever is asked and however the clock and the policies move', async () => {
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(callSequences(ALGORITHM_NAMES, 'several'), async (given) => {
        runs += 1;
        await replay(given, `replay${runs}`);
      }),
      { numRuns: Number(process.env['REPLAY_RUNS'] ?? 3_000) },
    );
  });

  it('counts the window before no more than in full when the clock steps back over a border', async () => {
    await replay(OVER_A_BORDER, 'border');
  });

  // A number below 2^35 is sent as five digits to the base 128.
  it.each([2 ** 28 - 1, 2 ** 28, 2 ** 34 + 129, 2 ** 35 - 1, 2 ** 35, 2 ** 36 + 1])(
    'reads a limit, a window and a cost of %d',
    async (number) => {
      for (const algorithm of COUNTING_ALGORITHMS) {
        await replay(largeNumber(algorithm, number), `${algorithm} of ${number}`);
      }
    },
  );

  it.each(['fixed-window', 'sliding-window', 'token-bucket'] as const)(
    'counts ten million a month by a %s, whatever becomes of it',
    async (algorithm) => {
      const DAY_MS = 86_400_000;
      const plan = (limit: number, days: number): Shape => quota(limit, days * DAY_MS);
      const calls = [consume(9_999_993), consume(7), consume(1), pass(259), consume(1), pass(1), consume(1)];
      const steps = [
        ...calls,
        pass(7 * DAY_MS + 1),
        ...calls,
        refund(12_345, 1),
        refund(3, 1, 5_000_000 * 30 * DAY_MS),
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
      const given: CallSequence = { algorithms: same(algorithm), shapes: same(plan(10_000_000, 30)), steps };
      await replay(given, `million of ${algorithm}`);
    },
  );

  it.each(COUNTING_ALGORITHMS)(
    'keeps the debt of a %s exact, whatever is charged and given back',
    async (algorithm) => {
      await replay(largestDebt(algorithm), `debt of ${algorithm}`);
    },
  );
});
