// How late the slowest calls are. First requests of whole applications on Fastify, which come at a steady rate: half of
// what the slowest application bears. Beside ours: one without a limit, and one whose guard only waits for a command of
// Redis, which nobody who counts there can beat. Then decisions in memory with a million keys, while new keys displace old
// ones and windows end: the longest stalls of one process, beside a Map that forgets none, and beside no work at all.
//   npm run bench -- tail
import { execFileSync } from 'node:child_process';
import { PerformanceObserver } from 'node:perf_hooks';
import autocannon from 'autocannon';
import { memoryBackend } from '../dist/esm/index.js';
import { testPolicy } from '../dist/esm/testing/index.js';
import { startApp } from './support/http-load.mjs';
import { median } from './support/median.mjs';
import { connectionsTo, pacedLoad } from './support/paced-load.mjs';
import { startRedis } from './support/redis-server.mjs';
import { report } from './support/report.mjs';
import { scaled } from './support/scale.mjs';

const ROUNDS = scaled(9);
const WARM_UP = 3;
const MILLION = 1_000_000;
const WARM_UP_CALLS = 20_000;

/** Applications, and whether each counts in Redis. */
const APPLICATIONS = [
  ['bare', 'bare'],
  ['nestjs-floodgate, memory', 'nestjs-floodgate'],
  ['a guard that waits for Redis', 'a guard that waits for Redis', true],
  ['nestjs-floodgate, Redis', 'nestjs-floodgate', true],
  ['middleware, Redis', 'middleware', true],
];

/** Who decides on a key, and holds a million of them. */
const DECIDERS = {
  'nothing, only the clock is read': () => () => true,
  'a Map': () => {
    const counts = new Map();
    return (key) => counts.set(key, (counts.get(key) ?? 0) + 1);
  },
  ...Object.fromEntries(
    ['sliding-window', 'token-bucket', 'sliding-log'].map((algorithm) => [
      algorithm,
      () => {
        const backend = memoryBackend({ maxKeys: MILLION });
        const policy = testPolicy({ algorithm, limit: 100, windowMs: 10_000 });
        return (key) => backend.consume({ charges: [{ key, policy, cost: 1 }], timeoutMs: 250 });
      },
    ]),
  ),
};

const [task, name] = process.argv.slice(2);
if (task === '--stalls') {
  console.log(JSON.stringify(await stallsOf(DECIDERS[name]())));
} else {
  const { port: redisPort, stop } = await startRedis();
  try {
    report('Latency of a request at half load, ms', await latencies(redisPort));
  } finally {
    await stop();
  }
  report('Time of one decision in memory with a million keys, ms', stalls());
}

async function latencies(redisPort) {
  const runs = [];
  for (const [row, contender, inRedis] of APPLICATIONS) {
    const { child, url } = await startApp(contender, inRedis && { redisPort });
    await autocannon({ url, connections: 32, duration: 2 });
    const { requests } = await autocannon({ url, connections: 32, duration: 3 });
    runs.push({ row, child, pool: connectionsTo(url), bears: requests.average, rounds: [] });
  }
  const rate = Math.round(Math.min(...runs.map(({ bears }) => bears)) / 2);
  for (let round = -WARM_UP; round < ROUNDS; round += 1) {
    for (const { pool, rounds } of runs) {
      const times = await pacedLoad(pool, rate, 1);
      if (round >= 0) rounds.push(times);
    }
  }
  for (const { child, pool } of runs) {
    await pool.close();
    child.kill();
  }
  const columns = { p50: 0.5, p99: 0.99, 'p99.9': 0.999 };
  const rows = runs.map(({ row, rounds }) => [
    row,
    {
      'requests/s': rate,
      ...Object.fromEntries(
        Object.entries(columns).map(([column, share]) => [
          column,
          Number(median(rounds.map((times) => at(times, share))).toFixed(2)),
        ]),
      ),
    },
  ]);
  return Object.fromEntries(rows);
}

/** Each in a process of its own, whose garbage is its own. The least of two, for others on the machine stop it, too. */
function stalls() {
  const rows = Object.keys(DECIDERS).map((decider) => {
    const runs = Array.from({ length: 2 }, () =>
      JSON.parse(execFileSync(process.execPath, [import.meta.filename, '--stalls', decider], { encoding: 'utf8' })),
    );
    const columns = Object.keys(runs[0]);
    return [
      decider,
      Object.fromEntries(columns.map((column) => [column, Math.min(...runs.map((run) => run[column]))])),
    ];
  });
  return Object.fromEntries(rows);
}

async function stallsOf(decide) {
  const times = new Float64Array(2 * MILLION);
  const collections = [];
  new PerformanceObserver((list) => collections.push(...list.getEntries())).observe({ entryTypes: ['gc'] });
  for (let call = -WARM_UP_CALLS; call < times.length; call += 1) {
    const key = `user:${call}`;
    const start = performance.now();
    decide(key);
    if (call >= 0) times[call] = performance.now() - start;
    else collections.length = 0;
    // Timers of the backend have their turns, too.
    if (call % 1_000 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  times.sort();
  const figure = (share) => Number(at(times, share).toFixed(4));
  const collector = Number(Math.max(0, ...collections.map(({ duration }) => duration)).toFixed(4));
  return {
    ...{ p50: figure(0.5), p99: figure(0.99), 'p99.99': figure(0.9999), longest: figure(1) },
    'longest garbage collection': collector,
  };
}

function at(sorted, share) {
  return sorted[Math.ceil(sorted.length * share) - 1];
}
