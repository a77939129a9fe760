import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Backend, Charge, Refund } from '../../../lib/contracts/backend.js';
import type { Policy } from '../../../lib/contracts/policy.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { ReferenceLimiter, type ReferenceCall } from '../redis/reference-limiter.js';
import { CLOCK_START_MS, manualClock } from '../../support/manual-clock.js';
import { PostgresServer } from '../../support/postgres-server.js';
import { callSequences, KEYS, POLICIES, type CallSequence, type Shape, type Step } from './call-sequence.js';
import { timedLimiter, type TimedLimiter } from './timed-limiter.js';

const ALGORITHMS = ['fixed-window', 'sliding-window', 'token-bucket', 'sliding-log'] as const;

const clock = manualClock();

/** One sequence, in the database and by the pure functions at the same times. */
class Replay {
  private readonly reference = new ReferenceLimiter(clock, { counter: 7, record: 2 });
  private readonly policies: Policy[];
  private readonly sentAtMs: number[] = [];
  private readonly pending: Promise<void>[] = [];

  constructor(
    private readonly backend: Backend,
    private readonly given: CallSequence,
    private readonly name: string,
  ) {
    clock.set(CLOCK_START_MS + 59_990);
    this.policies = given.algorithms.map((algorithm, index) => this.shaped(algorithm, index, given.shapes[index]!));
  }

  /** Sends all calls at once, on one connection, and compares what is answered. */
  async run(): Promise<void> {
    for (const step of this.given.steps) {
      this.take(step);
      this.compare('peek', { charges: this.charges(Array<number>(POLICIES * KEYS.length).fill(0)) });
    }
    await Promise.all(this.pending);
  }

  private take(step: Step): void {
    switch (step.kind) {
      case 'pass':
        return clock.advance(step.ms);
      case 'change':
        this.policies[step.index] = this.shaped(this.policies[step.index]!.algorithm, step.index, step.shape);
        return;
      case 'refund': {
        const { owed, agoCalls } = step;
        const chargedAtMs = agoCalls === null ? undefined : this.sentAtMs.at(-1 - agoCalls);
        const charges: readonly Refund[] = this.charges(step.costs).map((one) =>
          owed === null ? one : { ...one, owed },
        );
        return this.compare('refund', { charges, ...(chargedAtMs === undefined ? {} : { chargedAtMs }) });
      }
      case 'consume':
        this.sentAtMs.push(clock());
        return this.compare('consume', { overdraw: step.overdraw, charges: this.charges(step.costs) });
      default:
        return this.compare(step.kind, { charges: this.charges(step.costs) });
    }
  }

  private compare(verb: 'consume' | 'peek' | 'refund' | 'reset', call: Omit<ReferenceCall, 'timeoutMs'>): void {
    const request = { ...call, timeoutMs: 60_000 };
    const expected = this.reference[verb](request);
    const asked = Promise.resolve(this.backend[verb](request));
    this.pending.push(asked.then((actual) => assert.deepEqual(actual, expected)));
  }

  private charges(costs: readonly (number | null)[]): Charge[] {
    return costs.flatMap((cost, place) => {
      const key = `${this.name}:${KEYS[Math.floor(place / POLICIES)]}`;
      return cost === null ? [] : [{ key, policy: this.policies[place % POLICIES]!, cost }];
    });
  }

  private shaped(algorithm: Policy['algorithm'], index: number, { burst, ...rest }: Shape): Policy {
    const capacity = algorithm === 'token-bucket' ? burst : rest.limit;
    return testPolicy({ name: `p${index}`, algorithm, ...rest, burst: capacity });
  }
}

/** Asks the first policy of the first key alone. */
const only = (units: number): (number | null)[] => [units, ...Array<null>(POLICIES * KEYS.length - 1).fill(null)];

const same = <T>(value: T): readonly T[] => Array<T>(POLICIES).fill(value);

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

  it.each([
    ['several policies and keys', 'several'],
    ['one policy of one key', 'alone'],
  ] as const)(
    'decides on %s as the pure functions do, however the clock and the policies move',
    async (_what, kind) => {
      let runs = 0;
      await fc.assert(
        fc.asyncProperty(callSequences(ALGORITHMS, kind), async (given) => {
          runs += 1;
          await new Replay(timed.backend, given, `${kind}${runs}`).run();
        }),
        { numRuns: Number(process.env['REPLAY_RUNS'] ?? 150) },
      );
    },
    120_000,
  );

  it('counts the window before no more than in full when the clock steps back over a border', async () => {
    const quota: Shape = { limit: 10, windowMs: 1_000, burst: 10, blockForMs: 0, mode: 'enforce' };
    const consume = (units: number): Step => ({ kind: 'consume', costs: only(units), overdraw: false });
    const pass = (ms: number): Step => ({ kind: 'pass', ms });
    const steps = [consume(6), pass(10), consume(1), pass(-5), consume(3), consume(1)];
    const given: CallSequence = { algorithms: same('sliding-window'), shapes: same(quota), steps };
    await new Replay(timed.backend, given, 'border').run();
  });

  it('repays the debt of a bucket at the old rate until a new one is first seen', async () => {
    const quota: Shape = { limit: 2, windowMs: 1_000, burst: 10, blockForMs: 0, mode: 'enforce' };
    const consume = (units: number): Step => ({ kind: 'consume', costs: only(units), overdraw: false });
    const faster: Step = { kind: 'change', index: 0, shape: { ...quota, limit: 5 } };
    const steps = [consume(8), { kind: 'pass', ms: 700 } as const, faster, consume(1), consume(2)];
    const given: CallSequence = { algorithms: same('token-bucket'), shapes: same(quota), steps };
    await new Replay(timed.backend, given, 'rate').run();
  });

  it.each([2 ** 31, 2 ** 36 + 1, 2 ** 41])('reads a limit, a window and a cost of %d', async (number) => {
    const large: Shape = { limit: number, windowMs: 1_000, burst: number, blockForMs: 0, mode: 'enforce' };
    const long: Shape = { ...large, limit: 3, windowMs: number, burst: 3 };
    const consume = (...units: number[]): Step => {
      return { kind: 'consume', costs: [...units, null, null, null], overdraw: false };
    };
    const steps = [consume(number - 2, 1, number), consume(2, 1, 0), consume(1, 1, 0), consume(0, 1, 1)];
    for (const algorithm of ALGORITHMS) {
      const given: CallSequence = { algorithms: same(algorithm), shapes: [large, long, large], steps };
      await new Replay(timed.backend, given, `${algorithm} of ${number}`).run();
    }
  });

  const DAY_MS = 86_400_000;
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
      await new Replay(timed.backend, given, `${limit} in ${days} by ${algorithm}`).run();
    },
  );

  it('has the limiter decide where an overdraft is beyond the products of one statement', async () => {
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
    await new Replay(timed.backend, given, 'overdraft').run();
  });

  it.each(ALGORITHMS)('keeps the debt of a %s exact, whatever is charged and given back', async (algorithm) => {
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
    await new Replay(timed.backend, given, `debt of ${algorithm}`).run();
  });

  it.each(ALGORITHMS)(
    'tells that all of a %s is back when only a call is left that could not be counted',
    async (algorithm) => {
      const quota: Shape = { limit: 10, windowMs: 1_000, burst: 10, blockForMs: 0, mode: 'enforce' };
      const overdraw = (units: number): Step => ({ kind: 'consume', costs: only(units), overdraw: true });
      const pass = (ms: number): Step => ({ kind: 'pass', ms });
      const steps = [overdraw(Number.MAX_SAFE_INTEGER), pass(5), overdraw(1), pass(995), pass(5)];
      const given: CallSequence = { algorithms: same(algorithm), shapes: same(quota), steps };
      await new Replay(timed.backend, given, `no unit of ${algorithm}`).run();
    },
  );
});
