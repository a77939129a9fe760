import pg from 'pg';
import { GivenPool } from '../../../lib/backends/postgres/pool-source.js';
import { postgresSchema } from '../../../lib/backends/postgres/schema.js';
import { Sweeper } from '../../../lib/backends/postgres/sweeper.js';
import { tableNames } from '../../../lib/backends/postgres/table-names.js';
import { eventually } from '../../support/eventually.js';
import { manualClock } from '../../support/manual-clock.js';
import { PostgresServer } from '../../support/postgres-server.js';

const MINUTE_MS = 60_000;

let server: PostgresServer;
let pool: pg.Pool;
let source: GivenPool;

beforeAll(async () => {
  server = await PostgresServer.start();
  await server.exec(postgresSchema());
  pool = new pg.Pool({ connectionString: server.url });
  source = new GivenPool(pool);
});

afterAll(async () => {
  await pool.end();
  await server.stop();
});

beforeEach(async () => {
  await server.exec(
    "TRUNCATE floodgate; INSERT INTO floodgate SELECT 'dead:' || i, 1000, '{}' FROM generate_series(1, 2500) i",
  );
  await server.exec("INSERT INTO floodgate SELECT 'alive:' || i, 2000, '{}' FROM generate_series(1, 20) i");
});

const clock = manualClock();
const sweeper = (): Sweeper => new Sweeper(source, tableNames('sweep', 'public', 'floodgate'), clock);

const left = async (kind: string): Promise<number> =>
  (await server.exec('SELECT FROM floodgate WHERE subject LIKE $1', [`${kind}:%`])).length;

const isOver = (): boolean => pool.idleCount === pool.totalCount && pool.waitingCount === 0;

describe('the sweep', () => {
  it('removes every row that is over, and no other, when it is due', async () => {
    const sweeping = sweeper();
    clock.advance(MINUTE_MS / 2);
    sweeping.remind(1001);
    await eventually(async () => (await left('dead')) === 0);
    expect(await left('alive')).toBe(20);
  });

  it('is due again within half a minute, and not with each call', async () => {
    const sweeping = sweeper();
    clock.advance(MINUTE_MS / 2);
    sweeping.remind(1001);
    await eventually(async () => (await left('dead')) === 0);
    await eventually(isOver);
    await server.exec("INSERT INTO floodgate VALUES ('dead:again', 1000, '{}')");
    sweeping.remind(1001);
    await eventually(isOver);
    expect(await left('dead')).toBe(1);
    clock.advance(MINUTE_MS / 2);
    sweeping.remind(1001);
    await eventually(async () => (await left('dead')) === 0);
  });

  it('leaves alone what somebody else has in hand', async () => {
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    try {
      await client.query("BEGIN; SELECT FROM floodgate WHERE subject = 'dead:7' FOR UPDATE");
      const sweeping = sweeper();
      clock.advance(MINUTE_MS / 2);
      sweeping.remind(1001);
      await eventually(async () => (await left('dead')) === 1);
      await eventually(isOver);
    } finally {
      await client.end();
    }
  });

  it('is shared by many, and none gets in the way of another', async () => {
    const sweepers = Array.from({ length: 8 }, sweeper);
    clock.advance(MINUTE_MS / 2);
    sweepers.forEach((one) => one.remind(1001));
    await eventually(async () => (await left('dead')) === 0);
    await eventually(isOver);
    expect(await left('alive')).toBe(20);
  });
});
