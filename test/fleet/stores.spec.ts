import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { fileBreakerState, RateLimitConfigurationError } from 'nestjs-floodgate';
import { postgresBreakerState } from 'nestjs-floodgate/postgres';
import { redisBreakerState } from 'nestjs-floodgate/redis';
import type { BreakerStateStore, CircuitReport } from '../../lib/contracts/breaker-state.js';
import { eventually } from '../support/eventually.js';
import { PostgresServer } from '../support/postgres-server.js';
import { RedisServer } from '../support/redis-server.js';
import { RunningClock } from '../support/running-clock.js';
import { RecordingListener } from './recording-listener.js';

const OPEN: CircuitReport = { circuit: 'Shop.pay', state: 'open', step: 2, tripCount: 3, dueInMs: 60_000 };

let redis: RedisServer;
let postgres: PostgresServer;
let pool: pg.Pool;
let folder: string;
/** Of the tests' own, so that none meets what another left. */
let scope: string;
const opened: BreakerStateStore[] = [];

beforeAll(async () => {
  [redis, postgres] = await Promise.all([RedisServer.start(), PostgresServer.start()]);
  pool = new pg.Pool({ connectionString: postgres.url, max: 3 });
});

afterAll(async () => {
  await pool.end();
  await Promise.all([redis.stop(), postgres.stop()]);
});

beforeEach(async () => {
  scope = `s${randomUUID().slice(0, 8)}`;
  folder = await mkdtemp(join(tmpdir(), 'floodgate-stores-'));
});

afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
  await rm(folder, { recursive: true, force: true });
});

const STORES = {
  file: () => Promise.resolve(fileBreakerState({ path: join(folder, 'breakers.json') })),
  redis: () => Promise.resolve(redisBreakerState({ url: redis.url, keyPrefix: `${scope}:` })),
  postgres: async () => {
    await postgres.exec(`CREATE SCHEMA IF NOT EXISTS ${scope}`);
    return postgresBreakerState({ connectionString: postgres.url, schema: scope });
  },
  'postgres with a pool of the application': async () => {
    await postgres.exec(`CREATE SCHEMA IF NOT EXISTS ${scope}`);
    return postgresBreakerState({ pool, schema: scope });
  },
};

const holds = (check: () => unknown): Promise<boolean> =>
  eventually(async () => {
    await check();
    return true;
  });

describe.each(Object.keys(STORES) as (keyof typeof STORES)[])('%s', (name) => {
  async function open(): Promise<[BreakerStateStore, RecordingListener]> {
    const store = await STORES[name]();
    const listener = new RecordingListener();
    opened.push(store);
    await store.open(listener);
    // On a busy machine the first answer may come after its deadline; the next one ends that.
    await holds(() => expect(listener.returns).toBe(listener.outages.length));
    return [store, listener];
  }

  it('tells what the others have open, how many they are, and when that ends', async () => {
    const [one] = await open();
    const [two, heardByTwo] = await open();
    const [, heard] = await open();
    one.tell([OPEN]);
    two.tell([{ ...OPEN, dueInMs: 30_000 }]);
    await holds(() => expect(heard.peers).toMatchObject([{ circuit: 'Shop.pay', open: 2 }]));
    expect(heard.peers[0]?.hintForMs).toBeGreaterThan(60_000);
    expect(heard.peers[0]?.hintForMs).toBeLessThanOrEqual(62_000);
    await holds(() => expect(heardByTwo.peers).toMatchObject([{ open: 1 }]));
    one.tell([]);
    two.tell([{ ...OPEN, state: 'kept' }]);
    await holds(() => expect(heard.peers).toEqual([]));
  });

  it('gives the probe to one at a time; a failed one keeps it for as long as it says, a success frees it', async () => {
    const [one] = await open();
    const [two, heard] = await open();
    one.tell([OPEN]);
    expect(await one.claim('Shop.pay', 5_000)).toBeUndefined();
    expect(await one.claim('Shop.pay', 5_000)).toBeUndefined();
    expect(await two.claim('Shop.pay', 5_000)).toMatchObject({ step: 0 });
    expect(await two.claim('another', 5_000)).toBeUndefined();
    two.settle('Shop.pay', undefined);
    one.settle('Shop.pay', { forMs: 60_000, step: 3 });
    await holds(async () => expect(await two.claim('Shop.pay', 5_000)).toMatchObject({ step: 3 }));
    expect((await two.claim('Shop.pay', 5_000))?.forMs).toBeGreaterThan(55_000);
    await holds(() => expect(heard.peers.find(({ circuit }) => circuit === 'Shop.pay')?.probe?.step).toBe(3));
    one.settle('Shop.pay', undefined);
    await holds(async () => expect(await two.claim('Shop.pay', 5_000)).toBeUndefined());
    expect(await one.claim('Shop.pay', 5_000)).toBeDefined();
  });

  it('frees a probe whose time is over, and that of a process that leaves', async () => {
    const [one] = await open();
    const [two] = await open();
    const leaver = await open();
    expect(await one.claim('Shop.pay', 50)).toBeUndefined();
    await holds(async () => expect(await two.claim('Shop.pay', 50)).toBeUndefined());
    leaver[0].tell([OPEN]);
    await holds(async () => expect(await leaver[0].claim('Shop.pay', 60_000)).toBeUndefined());
    await leaver[0].close();
    await holds(async () => expect(await one.claim('Shop.pay', 50)).toBeUndefined());
  });

  it('gives what an ended process knew to one that starts, once, and never what a living one knows', async () => {
    const [living, heard] = await open();
    const [ended] = await open();
    living.tell([{ ...OPEN, circuit: 'living' }]);
    ended.tell([OPEN]);
    await holds(() => expect(heard.peers).toHaveLength(1));
    await ended.close();
    await holds(() => expect(heard.peers).toEqual([]));
    const [, next] = await open();
    expect(next.resumes).toMatchObject([{ circuit: 'Shop.pay', step: 2, tripCount: 3 }]);
    expect(next.resumes[0]?.dueInMs).toBeGreaterThan(50_000);
    expect(next.resumes[0]?.dueInMs).toBeLessThanOrEqual(60_000);
    const [, another] = await open();
    expect(another.resumes).toEqual([]);
  });
});

it('a pool that is given stays open, and the application can go on with it', async () => {
  await postgres.exec(`CREATE SCHEMA ${scope}`);
  const store = postgresBreakerState({ pool, schema: scope });
  const listener = new RecordingListener();
  await store.open(listener);
  store.tell([OPEN]);
  const stored = `SELECT count(*)::int AS circuits FROM ${scope}.floodgate_breakers`;
  await holds(async () => expect((await pool.query(stored)).rows).toEqual([{ circuits: 1 }]));
  await store.close();
  expect(pool.ended || pool.ending).toBe(false);
  expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  expect(listener.outages).toEqual([]);
});

it('a role that may not make the tables, or not use them, is told the GRANT', async () => {
  const role = `r${scope}`;
  await postgres.exec(`CREATE SCHEMA ${scope}`);
  await postgres.exec(`CREATE ROLE ${role} LOGIN`);
  const outageOf = async (): Promise<RateLimitConfigurationError> => {
    const store = postgresBreakerState({ connectionString: postgres.urlOf(role), schema: scope });
    const listener = new RecordingListener();
    await store.open(listener);
    await store.close();
    expect(listener.outages).toEqual([expect.any(RateLimitConfigurationError)]);
    return listener.outages[0] as RateLimitConfigurationError;
  };
  await postgres.exec(`GRANT USAGE ON SCHEMA ${scope} TO ${role}`);
  expect((await outageOf()).message).toContain(`GRANT USAGE, CREATE ON SCHEMA "${scope}" TO <role>;`);
  const owner = postgresBreakerState({ connectionString: postgres.url, schema: scope });
  await owner.open(new RecordingListener());
  await owner.close();
  const { mend } = await outageOf();
  expect(mend).toContain('GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE');
  // The mend is enough.
  await postgres.exec(mend.slice(mend.indexOf('GRANT')).replaceAll('<role>', role));
  const listener = new RecordingListener();
  const store = postgresBreakerState({ connectionString: postgres.urlOf(role), schema: scope });
  await store.open(listener);
  await store.close();
  expect(listener.outages).toEqual([]);
});

it.each(['redis', 'postgres'] as const)('%s that dies is told of once, and rejoined when it is back', async (name) => {
  await using server = name === 'redis' ? await RedisServer.start() : await PostgresServer.start();
  const store =
    name === 'redis' ? redisBreakerState({ url: server.url }) : postgresBreakerState({ connectionString: server.url });
  const listener = new RecordingListener();
  await store.open(listener);
  expect(listener.outages).toEqual([]);
  await ('kill' in server ? server.kill() : server.crash());
  store.tell([OPEN]);
  await holds(() => expect(listener.outages).toHaveLength(1));
  await expect(async () => store.claim('Shop.pay', 1_000)).rejects.toThrow();
  store.tell([]);
  store.tell([OPEN]);
  await server.restart();
  await eventually(() => listener.returns === 1, { timeoutMs: 15_000 });
  expect(listener.outages).toHaveLength(1);
  await store.close();
});

it.each(['redis', 'postgres'] as const)(
  '%s that is away at the start keeps nobody waiting for more than a second',
  async (name) => {
    const url = '127.0.0.1:1/nowhere';
    const store =
      name === 'redis'
        ? redisBreakerState({ url: `redis://${url.slice(0, 11)}` })
        : postgresBreakerState({ connectionString: `postgres://${url}` });
    const listener = new RecordingListener();
    using clock = new RunningClock();
    await store.open(listener);
    expect(clock.now()).toBeLessThan(3_000);
    expect(listener.outages).toHaveLength(1);
    await store.close();
  },
);
