import type { INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { BackendService, RateLimitPolicies } from 'nestjs-floodgate';
import { spawnWorkers } from '../support/child-process.js';
import { DynamoServer } from '../support/dynamo-server.js';
import { eventually } from '../support/eventually.js';
import { PostgresServer } from '../support/postgres-server.js';
import { RedisServer } from '../support/redis-server.js';
import type carryOver from './workers/carry-over.worker.js';
import { type CarryOverInput, type CounterStore, countersOf, limitsOf } from './workers/carry-over.worker.js';

const PROCESSES = 2;
const KEYS = Array.from({ length: 10 }, (_, user) => `user:${user}`);

let redis: RedisServer;
let postgres: PostgresServer;
let dynamo: DynamoServer;
let tests = 0;
const closing: (() => Promise<void>)[] = [];

beforeAll(async () => {
  [redis, postgres, dynamo] = await Promise.all([RedisServer.start(), PostgresServer.start(), DynamoServer.start()]);
});

beforeEach(() => (tests += 1));

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

afterAll(() => Promise.all([redis.stop(), postgres.stop(), dynamo.stop()]));

const stores: readonly (readonly [string, () => CounterStore])[] = [
  ['Redis', () => ({ kind: 'redis', url: redis.url, keyPrefix: `counters-${tests}:` })],
  ['PostgreSQL', () => ({ kind: 'postgres', url: postgres.url, schema: `counters_${tests}` })],
  ['DynamoDB', () => ({ kind: 'dynamodb', port: dynamo.port, table: `counters-${tests}` })],
];

const policiesOf = (): CarryOverInput['policies'] => ({ url: redis.url, keyPrefix: `policies-${tests}:` });

/** An application that shares the counters and the policy store alone. */
async function join(counters: CounterStore) {
  const { backend, close } = countersOf(counters);
  const module = await Test.createTestingModule({ imports: [limitsOf(backend, policiesOf())] }).compile();
  const app: INestApplicationContext = await module.init();
  closing.push(async () => {
    await app.close();
    await close();
  });
  const service = app.get(BackendService);
  const left = async (key: string): Promise<unknown> => (await service.peek(key, 'api')).policies[0]?.remaining;
  return { policies: app.get(RateLimitPolicies), service, left };
}

describe.each(stores)('counters on %s after a change of their policy', (_name, storeOf) => {
  it('keep the share that was used, which processes carry over once, whoever is first', async () => {
    const counters = storeOf();
    const { policies, service, left } = await join(counters);
    for (const key of KEYS) await service.consume(key, 'api', { cost: 3 });
    let joined = 0;
    const passed = spawnWorkers<typeof carryOver>(
      PROCESSES,
      new URL('./workers/carry-over.worker.ts', import.meta.url),
      { counters, policies: policiesOf(), limit: 40, keys: KEYS },
      { onMessage: () => (joined += 1) },
    );
    const change = async (): Promise<void> => {
      await eventually(() => joined === PROCESSES, { timeoutMs: 100_000, what: 'the processes have joined' });
      await policies.set('api', '40/h', { carryOver: 'proportional' });
    };
    const [replies] = await Promise.all([passed, change()]);
    expect(replies.flat()).toEqual(KEYS.flatMap(() => [true, true]));
    // 3 of 10 are 12 of 40, and each process has made one call.
    for (const key of KEYS) expect([key, await left(key)]).toEqual([key, 40 - 12 - PROCESSES]);
    expect(await left('user:new')).toBe(40);
  });

  it('begin anew with carryOver reset, in every process', async () => {
    const counters = storeOf();
    const [one, other] = [await join(counters), await join(counters)];
    expect((await one.service.consume('user:1', 'api', { cost: 10 })).allowed).toBe(true);
    await one.policies.set('api', '12/h', { carryOver: 'reset' });
    await eventually(() => other.policies.list()[0]?.limit === 12, { timeoutMs: 20_000 });
    expect((await other.service.consume('user:1', 'api', { cost: 5 })).policies[0]?.remaining).toBe(7);
    expect((await one.service.consume('user:1', 'api')).policies[0]?.remaining).toBe(6);
  });
});
