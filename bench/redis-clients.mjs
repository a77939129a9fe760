// What the clients of Redis make of the same decisions: of ioredis, node-redis and valkey-glide a bare EVALSHA of a
// script that does nothing, a bare EVALSHA of the limiter's script, a decision by one policy where calls share script
// calls, and one where each call has its own, all in one run. Rounds are interleaved, each in an order of its own, and
// medians are shown; processor time is the least of all rounds. A client is as fast as it is: what counts for the adapter
// is its decisions beside the bare calls of the same client. `BENCH_CLIENTS=ioredis,node-redis` and `BENCH_CALLERS=1024`
// measure only these.
//   npm run bench -- redis-clients
import { once } from 'node:events';
import { GlideClient } from '@valkey/valkey-glide';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { redisBackend } from '../dist/esm/backends/redis/index.js';
import { LIMITER, limiterCall } from '../dist/esm/backends/redis/limiter.script.js';
import { testPolicy } from '../dist/esm/testing/index.js';
import { median } from './support/median.mjs';
import { startRedis } from './support/redis-server.mjs';
import { report } from './support/report.mjs';
import { scaled } from './support/scale.mjs';

const ROUNDS = scaled(9);
const WARM_UP = 2;
const TURN_MS = 200;
const KEYS = 5_000;
const CLIENTS = (process.env.BENCH_CLIENTS ?? 'ioredis,node-redis,valkey-glide').split(',');
const CALLERS = (process.env.BENCH_CALLERS ?? '64,1024').split(',').map(Number);

/** Decisions of each client: with the defaults, and where each call has a script call of its own. */
const DECISIONS = { shared: {}, alone: { coalesce: false, batch: false, refusalCache: false } };
const RUNS_EACH = 2 + Object.keys(DECISIONS).length;

const key = (index) => `ip:10.0.${index >> 8}.${index & 255}`;

const { port, client: admin, stop } = await startRedis();
await admin.script('LOAD', LIMITER.text);
// As long as what a decision sends and gets: 40 bytes.
const nothing = await admin.script('LOAD', "return '0123456789012345678901234567890123456789'");
const PARAMETERS = ['consume', 'x'.repeat(25)];

const policy = testPolicy({ name: 'quota', algorithm: 'sliding-window', limit: 1e9, windowMs: 3_600_000 });

/** Clients by name: each makes a client, tells how it calls a script, and how to end it. */
const clients = {
  ioredis: async () => {
    const client = new Redis({ port });
    await once(client, 'ready');
    return {
      client,
      bare: (sha, subject, parameters) => client.evalshaBuffer(sha, 1, subject, ...parameters),
      end: () => client.disconnect(),
    };
  },
  'node-redis': async () => {
    const client = createClient({ socket: { port, host: '127.0.0.1' } });
    await client.connect();
    return {
      client,
      bare: (sha, subject, parameters) => client.sendCommand(['EVALSHA', sha, '1', subject, ...parameters]),
      end: () => client.destroy(),
    };
  },
  'valkey-glide': async () => {
    const client = await GlideClient.createClient({
      addresses: [{ host: '127.0.0.1', port }],
      requestTimeout: 5_000,
      inflightRequestsLimit: 2_000,
    });
    return {
      client,
      bare: (sha, subject, parameters) =>
        client.customCommand(['EVALSHA', sha, '1', subject, ...parameters], { decoder: 0 }),
      end: () => client.close(),
    };
  },
};

try {
  for (const callers of CALLERS) await compare(callers);
} finally {
  await stop();
}

async function compare(callers) {
  const runs = [];
  const ends = [];
  for (const name of CLIENTS) {
    const { client, bare, end } = await clients[name]();
    ends.push(end);
    const { parameters } = limiterCall(
      '',
      { kind: 'consume', overdraw: false },
      [{ key: '', policy, cost: 1 }],
      Date.now,
    );
    runs.push({
      name: `${name}, bare EVALSHA`,
      decide: (subject) => bare(nothing, subject, PARAMETERS),
      rates: [],
      cpu: [],
    });
    runs.push({
      name: `${name}, bare limiter`,
      decide: (subject) => bare(LIMITER.hash, `${name}:bare:{${subject}}`, parameters),
      rates: [],
      cpu: [],
    });
    for (const [kind, options] of Object.entries(DECISIONS)) {
      const backend = redisBackend({ client, keyPrefix: `${name}:${kind}:`, ...options });
      const decide = (subject) => backend.consume({ charges: [{ key: subject, policy, cost: 1 }], timeoutMs: 5_000 });
      runs.push({ name: `${name}, ${kind}`, decide, rates: [], cpu: [] });
    }
  }
  for (let round = -WARM_UP; round < ROUNDS; round += 1) {
    for (const run of shuffled(runs)) {
      const before = process.cpuUsage();
      const { rate, made } = await turn(run.decide, callers);
      const { user, system } = process.cpuUsage(before);
      if (round < 0) continue;
      run.rates.push(rate);
      run.cpu.push((user + system) / made);
    }
  }
  const rows = runs.map(({ name, rates, cpu }, index) => {
    const own = index % RUNS_EACH;
    const [bare, script] = runs.slice(index - own);
    const ratio = (to) => Number(median(rates.map((rate, round) => rate / to.rates[round])).toFixed(2));
    return [
      name,
      {
        'calls/s': Math.round(median(rates)),
        'of bare': ratio(bare),
        'of its limiter': ratio(script),
        "of ioredis' same": ratio(runs[own]),
        'client µs': Number(Math.min(...cpu).toFixed(2)),
      },
    ];
  });
  report(`Clients of Redis, ${callers} callers`, Object.fromEntries(rows));
  await Promise.all(ends.map((end) => end()));
}

/** A busy machine favours who comes after somebody who waited much: so nobody always does. */
function shuffled(runs) {
  const places = new Map(runs.map((run) => [run, Math.random()]));
  return [...runs].sort((a, b) => places.get(a) - places.get(b));
}

async function turn(decide, callers) {
  const start = performance.now();
  let made = 0;
  const caller = async (index) => {
    for (let next = index * 7919; performance.now() - start < TURN_MS; next += 1) {
      await decide(key(next % KEYS));
      made += 1;
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, index) => caller(index)));
  return { made, rate: (made / (performance.now() - start)) * 1000 };
}
