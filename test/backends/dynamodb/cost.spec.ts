import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { dynamodbBackend } from '../../../lib/backends/dynamodb/dynamodb.backend.js';
import type { Backend, Charge, Reply } from '../../../lib/contracts/backend.js';
import type { AlgorithmName } from '../../../lib/contracts/policy.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { dynamoClient, DynamoServer } from '../../support/dynamo-server.js';

const table = 'limits';
const DAY_MS = 86_400_000;
const WINDOW_MS = 366 * DAY_MS;
const ALGORITHMS: readonly AlgorithmName[] = ['fixed-window', 'sliding-window', 'token-bucket', 'sliding-log'];

let server: DynamoServer;
let client: DynamoDBClient;
let backend: Backend;

beforeAll(async () => {
  server = await DynamoServer.start();
  client = dynamoClient(server.port);
});

afterAll(async () => {
  client.destroy();
  await server.stop();
});

beforeEach(async () => {
  backend = dynamodbBackend({ client, table, createTable: true });
  await backend.ping(AbortSignal.timeout(20_000));
  server.resetCounts();
});

afterEach(() => backend.close());

let keys = 0;
const newKey = (): string => `key-${(keys += 1)}`;

const chargeOf = (key: string, limit = 10, algorithm: AlgorithmName = 'sliding-window'): Charge => ({
  key,
  policy: testPolicy({ name: `${algorithm}-${limit}`, algorithm, limit, windowMs: WINDOW_MS }),
  cost: 1,
});

const consume = async (...charges: Charge[]): Promise<Reply> => backend.consume({ charges, timeoutMs: 20_000 });

describe('what decisions cost', () => {
  it.each(ALGORITHMS)('one write unit and no read each, by %s', async (algorithm) => {
    const charge = chargeOf(newKey(), 50, algorithm);
    for (let call = 0; call < 20; call += 1) expect((await consume(charge)).allowed).toBe(true);
    expect({ writes: server.writeUnits, reads: server.readUnits }).toEqual({ writes: 20, reads: 0 });
    expect(Object.fromEntries(server.calls)).toEqual({ PutItem: 20 });
  });

  it('one write unit for several policies of one subject', async () => {
    const key = newKey();
    for (let call = 0; call < 5; call += 1) {
      await consume(...ALGORITHMS.map((algorithm) => chargeOf(key, 10, algorithm)));
    }
    expect({ writes: server.writeUnits, reads: server.readUnits }).toEqual({ writes: 5, reads: 0 });
  });

  it('a read and no write for a refusal, and for a call that costs nothing', async () => {
    const charge = chargeOf(newKey(), 1);
    await consume(charge);
    server.resetCounts();
    expect((await consume(charge)).allowed).toBe(false);
    expect((await consume({ ...charge, cost: 0 })).allowed).toBe(true);
    expect({ writes: server.writeUnits, reads: server.readUnits }).toEqual({ writes: 0, reads: 2 });
  });

  it('one transaction for several subjects', async () => {
    const charges = [chargeOf(newKey()), chargeOf(newKey())];
    for (let call = 0; call < 5; call += 1) await consume(...charges);
    expect(Object.fromEntries(server.calls)).toEqual({ TransactWriteItems: 5 });
  });

  it('a write in vain where another process wrote meanwhile, and no read', async () => {
    const charge = chargeOf(newKey());
    const other = dynamodbBackend({ client, table });
    await consume(charge);
    await other.consume({ charges: [charge], timeoutMs: 20_000 });
    server.resetCounts();
    expect((await consume(charge)).policies[0]!.remaining).toBe(7);
    expect(Object.fromEntries(server.calls)).toEqual({ PutItem: 2 });
    await other.close();
  });

  it('a few writes for many callers of one key at once, who join', async () => {
    const charge = chargeOf(newKey(), 60);
    const replies = await Promise.all(Array.from({ length: 100 }, () => consume(charge)));
    expect(replies.filter(({ allowed }) => allowed)).toHaveLength(60);
    expect(server.callsOf('PutItem')).toBeLessThan(10);
  });

  it('a few transactions for many callers of a shared and an own key at once', async () => {
    const shared = chargeOf('global', 100);
    const replies = await Promise.all(
      Array.from({ length: 60 }, (_, user) => consume(shared, chargeOf(`user-${user % 20}`, 2))),
    );
    expect(replies.filter(({ allowed }) => allowed)).toHaveLength(40);
    const { policies } = await consume({ ...shared, cost: 0 });
    expect(policies[0]!.remaining).toBe(60);
    expect(server.callsOf('TransactWriteItems')).toBeLessThan(20);
  });
});

describe('a refusal', () => {
  it('is not told from memory once another process gave units back', async () => {
    const charge = chargeOf(newKey(), 1);
    await consume(charge);
    expect((await consume(charge)).allowed).toBe(false);
    const other = dynamodbBackend({ client, table });
    await other.refund({ charges: [charge], timeoutMs: 20_000 });
    await other.close();
    expect((await consume(charge)).allowed).toBe(true);
  });
});

describe('an item', () => {
  it.each([
    ['a short window', 1_000, 1],
    ['a day', DAY_MS, 1],
    ['a log', DAY_MS, 30],
  ])('expires in whole seconds, after its counters and at most two hours later: %s', async (_what, windowMs, cost) => {
    const key = newKey();
    const policy = testPolicy({ algorithm: 'sliding-log', limit: 100, windowMs });
    const { nowMs, policies } = await backend.consume({ charges: [{ key, policy, cost }], timeoutMs: 20_000 });
    const item = (await server.items(table)).find(({ subject }) => subject?.S === key);
    const expiresAt = item?.['expiresAt']?.N;
    expect(expiresAt).toMatch(/^\d{10}$/);
    const overMs = nowMs + policies[0]!.resetAfterMs;
    expect(Number(expiresAt) * 1000).toBeGreaterThan(overMs);
    expect(Number(expiresAt) * 1000).toBeLessThanOrEqual(overMs + 7_200_000);
  });

  it('keeps a log of a thousand units in a few units of capacity', async () => {
    const charge = chargeOf(newKey(), 1_000, 'sliding-log');
    for (let call = 0; call < 50; call += 1) await consume({ ...charge, cost: 20 });
    server.resetCounts();
    await consume({ ...charge, cost: 0 });
    expect(server.readUnits).toBe(1);
  });

  it('that something else wrote is a mistake, not an outage', async () => {
    const key = newKey();
    await server.put(table, { subject: { S: key }, total: { N: '3' } });
    await expect(consume(chargeOf(key))).rejects.toMatchObject({
      code: 'RATE_LIMIT_CONFIGURATION',
      option: 'dynamodbBackend.table',
    });
  });
});
