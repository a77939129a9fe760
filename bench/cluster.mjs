// What a decision costs in a Redis Cluster of three masters as the number of keys grows from 10^3 to 10^6: time of the
// servers for each call, decisions a second with 64 callers, and bytes for each key. Of five rounds the best is shown: a
// busy machine shows in the others. CLUSTER_KEYS=10000000 goes on to 10^7, which takes about two gigabytes of memory and,
// on two cores, a quarter of an hour.
//   npm run bench -- cluster
//   CLUSTER_KEYS=10000000 npm run bench -- cluster
import { Cluster } from 'ioredis';
import { redisBackend } from '../dist/esm/backends/redis/index.js';
import { testPolicy } from '../dist/esm/testing/index.js';
import { startMaster } from './support/redis-server.mjs';
import { report } from './support/report.mjs';

const MOST_KEYS = Number(process.env.CLUSTER_KEYS ?? 1_000_000);
const MASTERS = 3;
const SLOTS = 16_384;
const CALLERS = 64;
const FILLERS = 512;
const ROUNDS = 5;
const COUNTED = 10_000;

async function startCluster() {
  const masters = [];
  for (let index = 0; index < MASTERS; index += 1) masters.push(await startMaster());
  for (const [index, { client }] of masters.entries()) {
    await client.call('CLUSTER', 'MEET', '127.0.0.1', masters[0].port);
    const from = Math.floor((index * SLOTS) / MASTERS);
    const to = Math.floor(((index + 1) * SLOTS) / MASTERS) - 1;
    await client.call('CLUSTER', 'ADDSLOTSRANGE', from, to);
  }
  const isReady = async ({ client }) => {
    const info = await client.call('CLUSTER', 'INFO');
    return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${MASTERS}`);
  };
  for (const master of masters) {
    while (!(await isReady(master))) await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return masters;
}

/** Makes calls, so many at a time, until all are made. */
async function inParallel(callers, total, call) {
  let next = 0;
  const work = async () => {
    while (next < total) {
      const index = next;
      next += 1;
      await call(index);
    }
  };
  await Promise.all(Array.from({ length: callers }, work));
}

const sumOver = async (masters, read) => {
  const all = await Promise.all(masters.map(({ client }) => read(client)));
  return all.reduce((sum, one) => sum + one, 0);
};

const memoryOf = (masters) =>
  sumOver(masters, async (client) => Number(/used_memory:(\d+)/.exec(await client.info('memory'))[1]));

/** Time that the servers spent on scripts, in microseconds. */
const scriptTimeOf = (masters) =>
  sumOver(masters, async (client) =>
    Number(/cmdstat_evalsha:.*?usec=(\d+)/.exec(await client.info('commandstats'))?.[1] ?? 0),
  );

const masters = await startCluster();
const cluster = new Cluster([{ host: '127.0.0.1', port: masters[0].port }]);
const backend = redisBackend({ client: cluster });
const policy = testPolicy({ algorithm: 'sliding-window', limit: 1_000_000_000, windowMs: 86_400_000 });
const decide = (index) => backend.consume({ charges: [{ key: `user:${index}`, policy, cost: 1 }], timeoutMs: 30_000 });

const rows = {};
try {
  await decide(0);
  const emptyBytes = await memoryOf(masters);
  let filled = 0;
  for (let keys = 1_000; keys <= MOST_KEYS; keys *= 10) {
    const from = filled;
    await inParallel(FILLERS, keys - from, (index) => decide(from + index));
    filled = keys;
    const costs = [];
    const rates = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const { client } of masters) await client.config('RESETSTAT');
      const startMs = performance.now();
      await inParallel(CALLERS, COUNTED, () => decide(Math.floor(Math.random() * keys)));
      rates.push(COUNTED / ((performance.now() - startMs) / 1_000));
      costs.push((await scriptTimeOf(masters)) / COUNTED);
    }
    rows[`${keys.toLocaleString('en')} keys`] = {
      'server µs a decision': Number(Math.min(...costs).toFixed(2)),
      'decisions a second': Math.round(Math.max(...rates)),
      'bytes a key': Math.round(((await memoryOf(masters)) - emptyBytes) / keys),
    };
  }
  report('A Redis Cluster of three masters', rows);
} finally {
  cluster.disconnect();
  for (const { stop } of masters) await stop();
}
