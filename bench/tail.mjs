// How late the slowest calls are. First a guarded request beside a bare one at half of the load that the bare one bears:
// latencies of whole applications on Fastify. Then decisions in memory with a million keys, while new keys displace old
// ones and windows end: the longest stalls of one process.
//   npm run bench -- tail
import autocannon from 'autocannon';
import { memoryBackend } from '../dist/esm/index.js';
import { testPolicy } from '../dist/esm/testing/index.js';
import { startApp } from './support/http-load.mjs';
import { median } from './support/median.mjs';
import { startRedis } from './support/redis-server.mjs';
import { report } from './support/report.mjs';
import { scaled } from './support/scale.mjs';

const CONNECTIONS = 16;
const ROUNDS = scaled(5);
const TURN_SECONDS = 4;
const MILLION = 1_000_000;

const { port: redisPort, stop } = await startRedis();
try {
  report('Latency of a request at half load, ms', await latencies());
} finally {
  await stop();
}
report('Time of one decision in memory with a million keys, ms', await stalls());

async function latencies() {
  const runs = [];
  for (const [name, contender, options] of [
    ['bare', 'bare'],
    ['guarded, memory', 'nestjs-floodgate'],
    ['guarded, Redis', 'nestjs-floodgate', { redisPort }],
  ]) {
    const { child, url } = await startApp(contender, options);
    await autocannon({ url, connections: CONNECTIONS, duration: 3 });
    runs.push({ name, child, url, latencies: [] });
  }
  const { requests } = await autocannon({ url: runs[0].url, connections: CONNECTIONS, duration: TURN_SECONDS });
  const overallRate = Math.round(requests.average / 2);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const run of runs) {
      const { latency } = await autocannon({
        url: run.url,
        connections: CONNECTIONS,
        duration: TURN_SECONDS,
        overallRate,
      });
      run.latencies.push(latency);
    }
  }
  for (const { child } of runs) child.kill();
  const rowOf = (all) =>
    Object.fromEntries(
      ['p50', 'p99', 'p99_9'].map((name) => [name.replace('_', '.'), median(all.map((one) => one[name]))]),
    );
  return Object.fromEntries(runs.map((run) => [run.name, { 'requests/s': overallRate, ...rowOf(run.latencies) }]));
}

async function stalls() {
  const rows = {};
  for (const algorithm of ['sliding-window', 'fixed-window', 'token-bucket', 'strict-window', 'sliding-log']) {
    const backend = memoryBackend({ maxKeys: MILLION });
    const policy = testPolicy({ algorithm, limit: 100, windowMs: 10_000 });
    const times = new Float64Array(2 * MILLION);
    for (let call = 0; call < times.length; call += 1) {
      const charges = [{ key: `user:${call}`, policy, cost: 1 }];
      const start = performance.now();
      backend.consume({ charges, timeoutMs: 250 });
      times[call] = performance.now() - start;
      // Timers of the backend have their turns, too.
      if (call % 1_000 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    times.sort();
    const at = (share) => Number(times[Math.ceil(times.length * share) - 1].toFixed(4));
    rows[algorithm] = { p50: at(0.5), p99: at(0.99), 'p99.99': at(0.9999), longest: at(1) };
  }
  return rows;
}
