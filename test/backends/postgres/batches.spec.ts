import assert from 'node:assert/strict';
import fc from 'fast-check';
import pg from 'pg';
import { EACH, MANY, type BatchKind } from '../../../lib/backends/postgres/batched.call.js';
import { Patience } from '../../../lib/backends/postgres/patient-query.js';

import { postgresBackend } from '../../../lib/backends/postgres/postgres.backend.js';
import { numbersOf, readReply, STATUS } from '../../../lib/backends/postgres/reply.js';
import { tableNames } from '../../../lib/backends/postgres/table-names.js';
import type { Charge, Reply } from '../../../lib/contracts/backend.js';
import { COUNTING_ALGORITHMS, type AlgorithmName, type Policy } from '../../../lib/contracts/policy.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { manualClock } from '../../support/manual-clock.js';
import { PostgresServer } from '../../support/postgres-server.js';
import { ReferenceLimiter } from '../reference-limiter.js';
import { timedLimiter, type TimedLimiter } from './timed-limiter.js';

const KEYS = ['user:1', 'user:2', 'user:3', 'user:4', 'user:5'];
const RUNS = Number(process.env['REPLAY_RUNS'] ?? 60);
/** As long as thousands of runs take, by `npm run prove:postgres`. */
const RUNS_TIMEOUT_MS = 900_000;
const HOUR_MS = 3_600_000;
const TIMEOUT_MS = 20_000;

const clock = manualClock();
let server: PostgresServer;
let timed: TimedLimiter;

beforeAll(async () => {
  server = await PostgresServer.start();
  timed = await timedLimiter(server.url, clock, 'batches');
});
afterAll(async () => {
  await timed[Symbol.asyncDispose]();
  await server.stop();
});

/** What is asked at one time: for each key a cost for each of some policies, or nothing. */
interface Moment {
  readonly passMs: number;
  readonly costs: readonly (readonly number[] | null)[];
}

const momentOf = (most: number): fc.Arbitrary<Moment> =>
  fc.record({
    passMs: fc.oneof(fc.nat({ max: 30 }), fc.constantFrom(0, 0, 1_000, 2_000, -5, -1_000)),
    costs: fc.tuple(
      ...KEYS.map(() => fc.option(fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: most }))),
    ),
  });

const policy = (algorithm: AlgorithmName, index: number): Policy =>
  testPolicy({
    name: `p${index}`,
    algorithm,
    limit: 7,
    windowMs: 1_000,
    burst: 7,
    blockForMs: index === 2 ? 300 : 0,
    mode: index === 1 ? 'shadow' : 'enforce',
  });

/** Makes the calls of each moment by one statement, and compares with the pure functions. */
async function replay(kind: BatchKind, policies: readonly Policy[], moments: readonly Moment[], name: string) {
  const reference = new ReferenceLimiter(clock, { counter: 7, record: 2 });
  for (const { passMs, costs } of moments) {
    clock.advance(passMs);
    const calls = costs.flatMap((some, place) => {
      const key = `${name}:${KEYS[place]}`;
      const charges = some?.map((cost, index): Charge => ({ key, policy: policies[index % policies.length]!, cost }));
      return charges === undefined ? [] : [{ subject: key, charges }];
    });
    if (calls.length === 0) continue;
    // Some subjects twice.
    calls.push(...calls.slice(0, 2));
    const numbers = numbersOf(await timed.limiter.call(kind.call(calls), new Patience(TIMEOUT_MS)));
    let from = 0;
    for (const { charges } of calls) {
      const part = numbers.slice(from, (from += 1 + STATUS * charges.length));
      const places = charges.map((_one, place) => place);
      assert.deepEqual(readReply(part, charges, places), reference.consume({ charges, timeoutMs: TIMEOUT_MS }));
    }
  }
}

describe('many calls in one statement', () => {
  it.each(['fixed-window', 'sliding-window', 'token-bucket'] as const)(
    'of one policy each, a %s, are decided as the pure functions do',
    async (algorithm) => {
      let runs = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(momentOf(1), { minLength: 5, maxLength: 30, size: 'max' }), async (moments) => {
          runs += 1;
          await replay(MANY, [policy(algorithm, 0)], moments, `${algorithm}${runs}`);
        }),
        { numRuns: RUNS },
      );
    },
    RUNS_TIMEOUT_MS,
  );

  it('of one policy each, of different algorithms, are decided as the pure functions do', async () => {
    const algorithms = ['fixed-window', 'sliding-window', 'token-bucket'] as const;
    const charges = KEYS.map((key, place): Charge => ({ key, policy: policy(algorithms[place % 3]!, 0), cost: 2 }));
    const reference = new ReferenceLimiter(clock, { counter: 7, record: 2 });
    for (let round = 0; round < 6; round += 1) {
      const call = MANY.call(charges.map((charge) => ({ subject: charge.key, charges: [charge] })));
      const numbers = numbersOf(await timed.limiter.call(call, new Patience(TIMEOUT_MS)));
      charges.forEach((charge, place) => {
        const part = numbers.slice(place * 5, place * 5 + 5);
        const expected = reference.consume({ charges: [charge], timeoutMs: TIMEOUT_MS });
        assert.deepEqual(readReply(part, [charge], [0]), expected);
      });
      clock.advance(100);
    }
  });

  it(
    'of several policies each are decided as the pure functions do',
    async () => {
      let runs = 0;
      const policies = fc.tuple(
        ...[0, 1, 2].map((index) =>
          fc.constantFrom(...COUNTING_ALGORITHMS).map((algorithm) => policy(algorithm, index)),
        ),
      );
      await fc.assert(
        fc.asyncProperty(
          policies,
          fc.array(momentOf(3), { minLength: 5, maxLength: 20, size: 'max' }),
          async (of, moments) => {
            runs += 1;
            await replay(EACH, of, moments, `each${runs}`);
          },
        ),
        { numRuns: RUNS },
      );
    },
    RUNS_TIMEOUT_MS,
  );
});

describe('calls that come while others are on their way', () => {
  const quota = (name: string): Policy =>
    testPolicy({ name, algorithm: 'sliding-window', limit: 100, windowMs: 366 * 24 * HOUR_MS });
  const charge = (key: string, of = quota('quota')): Charge => ({ key, policy: of, cost: 1 });

  it('share statements', async () => {
    const pool = new pg.Pool({ connectionString: server.url, max: 8 });
    const backend = postgresBackend({ pool, schema: 'shared' });
    await backend.consume({ charges: [charge('user:0')], timeoutMs: TIMEOUT_MS });
    let statements = 0;
    pool.on('acquire', () => (statements += 1));
    const replies = await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        backend.consume({ charges: [charge(`user:${index % 100}`)], timeoutMs: TIMEOUT_MS }),
      ),
    );
    expect(replies.every(({ allowed }) => allowed)).toBe(true);
    const { policies } = await backend.peek({ charges: [charge('user:7')], timeoutMs: TIMEOUT_MS });
    expect(policies[0]?.remaining).toBe(98);
    expect(statements).toBeLessThan(40);
    await pool.end();
  });

  it('of one hot key share them, too, and are counted exactly', async () => {
    const pool = new pg.Pool({ connectionString: server.url, max: 8 });
    const backend = postgresBackend({ pool, schema: 'hot' });
    await backend.consume({ charges: [charge('user:0')], timeoutMs: TIMEOUT_MS });
    let statements = 0;
    pool.on('acquire', () => (statements += 1));
    const replies = await Promise.all(
      Array.from({ length: 300 }, () => backend.consume({ charges: [charge('global')], timeoutMs: TIMEOUT_MS })),
    );
    expect(replies.filter(({ allowed }) => allowed)).toHaveLength(100);
    expect(statements).toBeLessThan(30);
    await pool.end();
  });

  it.each([1, 2])('wait for nobody who decides on the subject of another one, by %d policies', async (policies) => {
    const schema = `others_${policies}`;
    const pool = new pg.Pool({ connectionString: server.url, max: 8 });
    const backend = postgresBackend({ pool, schema });
    const chargesOf = (key: string): Charge[] =>
      Array.from({ length: policies }, (_, index) => charge(key, quota(`quota-${index}`)));
    await backend.consume({ charges: chargesOf('user:held'), timeoutMs: TIMEOUT_MS });
    // Another process is in the middle of a decision on one of them.
    const holder = await pool.connect();
    const { seed } = tableNames('test', schema, 'floodgate');
    await holder.query('BEGIN');
    await holder.query(`SELECT pg_advisory_xact_lock(hashtextextended('user:held', ${seed}))`);
    const consume = async (key: string): Promise<Reply> =>
      backend.consume({ charges: chargesOf(key), timeoutMs: TIMEOUT_MS });
    const others = ['user:1', 'user:2', 'user:3', 'user:4', 'user:5'].map(consume);
    let isDecided = false;
    const held = consume('user:held').finally(() => (isDecided = true));
    const after = ['user:6', 'user:7'].map(consume);
    await Promise.all([...others, ...after]);
    expect(isDecided).toBe(false);
    await holder.query('ROLLBACK');
    holder.release();
    expect(await held).toMatchObject({ allowed: true });
    await pool.end();
  });

  it('are made alone where one of them is what the database refuses', async () => {
    const pool = new pg.Pool({ connectionString: server.url, max: 8 });
    const backend = postgresBackend({ pool, schema: 'refusing' });
    await backend.consume({ charges: [charge('user:0')], timeoutMs: TIMEOUT_MS });
    await server.exec(`ALTER TABLE refusing.floodgate ADD CHECK (subject <> 'user:wrong')`);
    const keys = ['user:1', 'user:2', 'user:3', 'user:4', 'user:5', 'user:wrong', 'user:6'];
    const outcomes = await Promise.allSettled(
      keys.map((key) => backend.consume({ charges: [charge(key)], timeoutMs: TIMEOUT_MS })),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(
      keys.map((key) => (key === 'user:wrong' ? 'rejected' : 'fulfilled')),
    );
    const { policies } = await backend.peek({ charges: [charge('user:6')], timeoutMs: TIMEOUT_MS });
    expect(policies[0]?.remaining).toBe(99);
    await pool.end();
  });

  it('are not made when they are given up before', async () => {
    const pool = new pg.Pool({ connectionString: server.url, max: 4 });
    const backend = postgresBackend({ pool, schema: 'given_up' });
    await backend.consume({ charges: [charge('user:0')], timeoutMs: TIMEOUT_MS });
    const holders = await Promise.all([1, 2, 3, 4].map(() => pool.connect()));
    const busy = [1, 2, 3, 4].map((index) =>
      backend.consume({ charges: [charge(`user:${index}`)], timeoutMs: TIMEOUT_MS }),
    );
    await expect(backend.consume({ charges: [charge('user:late')], timeoutMs: 30 })).rejects.toThrow();
    holders.forEach((holder) => holder.release());
    await Promise.all(busy);
    const { policies } = await backend.peek({ charges: [charge('user:late')], timeoutMs: TIMEOUT_MS });
    expect(policies[0]?.remaining).toBe(100);
    await pool.end();
  });
});
