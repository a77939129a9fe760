import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamodbBackend } from '../../../lib/backends/dynamodb/dynamodb.backend.js';
import type { AlgorithmName } from '../../../lib/contracts/policy.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { dynamoClient, DynamoServer } from '../../support/dynamo-server.js';
import { CLOCK_START_MS, type ManualClock, manualClock } from '../../support/manual-clock.js';

const HOUR_MS = 3_600_000;

let server: DynamoServer;
let client: DynamoDBClient;
let keys = 0;

beforeAll(async () => {
  server = await DynamoServer.start();
  client = dynamoClient(server.port);
});

afterAll(async () => {
  client.destroy();
  await server.stop();
});

/** A process whose clock is ahead by so much. */
function processAhead(aheadMs: number): {
  clock: ManualClock;
  consume: (algorithm: AlgorithmName, key: string) => ReturnType<DynamodbBackend['consume']>;
} {
  const clock = manualClock(CLOCK_START_MS + aheadMs);
  const backend = new DynamodbBackend({ client, table: 'limits', createTable: true }, clock);
  return {
    clock,
    consume(algorithm, key) {
      const policy = testPolicy({ algorithm, limit: 30, windowMs: 60_000 });
      return backend.consume({ charges: [{ key, policy, cost: 1 }], timeoutMs: 20_000 });
    },
  };
}

const newKey = (): string => `key-${(keys += 1)}`;

describe('processes with skewed clocks', () => {
  it.each([
    ['fixed-window', 20_000, 30],
    ['sliding-window', 20_000, 30],
    ['sliding-log', 20_000, 30],
    // What was taken before the clock that is ahead is seen comes back: one unit.
    ['token-bucket', 50_000, 31],
    ['token-bucket', HOUR_MS, 31],
  ] as const)('mint nothing by taking turns: %s, %d ms apart', async (algorithm, skewMs, expected) => {
    const [behind, ahead, key] = [processAhead(10_000), processAhead(10_000 + skewMs), newKey()];
    let admitted = 0;
    for (let turn = 0; turn < 25; turn += 1) {
      for (const { consume } of [behind, ahead]) if ((await consume(algorithm, key)).allowed) admitted += 1;
    }
    expect(admitted).toBe(expected);
  });

  it('make one that is behind wait for the skew at most', async () => {
    const [behind, ahead, key] = [processAhead(0), processAhead(50_000), newKey()];
    expect((await ahead.consume('token-bucket', key)).nowMs).toBe(CLOCK_START_MS + 50_000);
    expect((await behind.consume('token-bucket', key)).nowMs).toBe(CLOCK_START_MS + 50_000);
    behind.clock.advance(50_001);
    expect((await behind.consume('token-bucket', key)).nowMs).toBe(CLOCK_START_MS + 50_001);
  });

  it('believe no lead of more than two hours', async () => {
    const [behind, ahead, key] = [processAhead(0), processAhead(24 * HOUR_MS), newKey()];
    await ahead.consume('token-bucket', key);
    expect((await behind.consume('token-bucket', key)).nowMs).toBe(CLOCK_START_MS);
  });

  it('go on from where a clock is that has stepped back', async () => {
    const [one, key] = [processAhead(HOUR_MS), newKey()];
    for (let call = 0; call < 30; call += 1) await one.consume('token-bucket', key);
    one.clock.set(CLOCK_START_MS);
    expect(await one.consume('token-bucket', key)).toMatchObject({ allowed: false, nowMs: CLOCK_START_MS });
    one.clock.advance(2_000);
    expect((await one.consume('token-bucket', key)).allowed).toBe(true);
  });
});
