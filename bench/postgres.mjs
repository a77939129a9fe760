// What a decision on PostgreSQL costs beside rate-limiter-flexible's, for one policy and for three: decisions a second,
// and processor time of the server for each. Rounds are interleaved, and medians are shown; ratios are to
// rate-limiter-flexible in the same round. Twice: on a server as it is installed, which waits for the disk with each
// commit unless it is told not to, and on one that never does.
//   npm run bench -- postgres
import pg from 'pg';
import { RateLimiterPostgres, RateLimiterUnion } from 'rate-limiter-flexible';
import { postgresBackend } from '../dist/esm/backends/postgres/index.js';
import { testPolicy } from '../dist/esm/testing/index.js';
import { median } from './support/median.mjs';
import { startServer } from './support/postgres-server.mjs';
import { report } from './support/report.mjs';
import { scaled } from './support/scale.mjs';

const ROUNDS = scaled(5);
const WARM_UP = 1;
const TURN_MS = 700;
const KEYS = 5_000;
const CALLERS = 32;
const CONNECTIONS = 8;
const WINDOW_MS = 3_600_000;
const LIMITS = [1_000_000_000, 1_500_000_000, 2_000_000_000];

const key = (index) => `ip:10.0.${index >> 8}.${index & 255}`;

const floodgate = (algorithm, unlogged) => (pool, limits) => {
  const backend = postgresBackend({ pool, table: `${algorithm}-${unlogged}`, unlogged });
  const policies = limits.map((limit, index) =>
    testPolicy({ name: `policy-${index}`, algorithm, limit, windowMs: WINDOW_MS }),
  );
  return (subject) =>
    backend.consume({ charges: policies.map((policy) => ({ key: subject, policy, cost: 1 })), timeoutMs: 5_000 });
};

const flexible = async (pool, limits) => {
  const limiters = limits.map(async (points, index) => {
    const options = { storeClient: pool, tableName: `flexible${index}`, points, duration: WINDOW_MS / 1000 };
    return new Promise((resolve, reject) => {
      const limiter = new RateLimiterPostgres(options, (error) => (error ? reject(error) : resolve(limiter)));
    });
  });
  const ready = await Promise.all(limiters);
  const limiter = ready.length === 1 ? ready[0] : new RateLimiterUnion(...ready);
  return (subject) => limiter.consume(subject, 1);
};

/** Contenders by name: each makes, for its pool and its limits, a function that promises to decide on a key. */
const contenders = {
  'rate-limiter-flexible': flexible,
  'fixed-window': floodgate('fixed-window', false),
  'sliding-window': floodgate('sliding-window', false),
  'token-bucket': floodgate('token-bucket', false),
  'sliding-window, unlogged': floodgate('sliding-window', true),
};

for (const settings of [{}, { fsync: 'off', synchronous_commit: 'off' }]) {
  const server = await startServer(settings);
  try {
    const what = settings.fsync === 'off' ? 'never waits for the disk' : 'as installed';
    for (const limits of [LIMITS.slice(0, 1), LIMITS]) await compare(server, limits, what);
  } finally {
    await server.stop();
  }
}

async function compare(server, limits, what) {
  const runs = [];
  for (const [name, make] of Object.entries(contenders)) {
    const pool = new pg.Pool({ connectionString: server.url, max: CONNECTIONS });
    runs.push({ name, pool, decide: await make(pool, limits), rates: [], ratios: [], server: [], client: [] });
  }
  for (let round = -WARM_UP; round < ROUNDS; round += 1) {
    for (const run of runs) {
      const serverBefore = server.cpuMs();
      const before = process.cpuUsage();
      const { rate, made } = await turn(run.decide);
      const { user, system } = process.cpuUsage(before);
      if (round < 0) continue;
      run.client.push((user + system) / made);
      run.server.push(((server.cpuMs() - serverBefore) * 1000) / made);
      run.rates.push(rate);
      run.ratios.push(rate / runs[0].rates.at(-1));
    }
  }
  const rows = runs.map(({ name, rates, ratios, client, server: cost }) => [
    name,
    {
      'decisions/s': Math.round(median(rates)),
      ratio: Number(median(ratios).toFixed(2)),
      'client µs': Math.round(median(client)),
      'server µs': Math.round(median(cost)),
    },
  ]);
  const policies = limits.length === 1 ? 'one policy' : `${limits.length} policies`;
  report(`PostgreSQL ${what}, ${policies}`, Object.fromEntries(rows));
  await Promise.all(runs.map(({ pool }) => pool.end()));
}

/** Decisions, and their rate a second, while so many callers wait for theirs. */
async function turn(decide) {
  const start = performance.now();
  let made = 0;
  const caller = async (index) => {
    for (let next = index * 7919; performance.now() - start < TURN_MS; next += 1) {
      await decide(key(next % KEYS));
      made += 1;
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, (_, index) => caller(index)));
  return { made, rate: (made / (performance.now() - start)) * 1000 };
}
