// What a limit costs a request: whole applications on Express and on Fastify, with counters in memory and in Redis, for
// requests that pass and for those that are refused, beside the limiters that people use now. Each contender is a process
// of its own; the load comes from here, over connections that stay open. Contenders take turns, each ratio is to the
// first one in the same round, and medians are shown. Processor time is what the server's process takes for a request.
//   npm run bench -- http
//   node bench/http.mjs 'fastify, memory'       only the tables whose titles begin so
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import autocannon from 'autocannon';
import { median } from './support/median.mjs';
import { startRedis } from './support/redis-server.mjs';
import { report } from './support/report.mjs';
import { scaled } from './support/scale.mjs';

const ROUNDS = scaled(25);
const WARM_UP = scaled(8);
const REQUESTS = 2_000;
const CONNECTIONS = 32;
const APP = fileURLToPath(new URL('./support/http-app.mjs', import.meta.url));
const NEVER = 1_000_000_000;
const PEERS = ['nestjs-floodgate', 'middleware', 'throttler'];
const TRAFFIC = {
  admitted: { limit: NEVER, status: '2xx', contenders: ['bare', 'a guard that always passes', ...PEERS] },
  refused: { limit: 1, status: '4xx', contenders: ["Nest's own 429", ...PEERS] },
};
const [chosen = ''] = process.argv.slice(2);

const { port: redisPort, client: admin, stop } = await startRedis();
try {
  for (const store of ['memory', 'Redis']) {
    for (const platform of ['fastify', 'express']) {
      for (const traffic of Object.keys(TRAFFIC)) {
        const title = `${platform}, ${store}, ${traffic}`;
        if (title.startsWith(chosen)) await measure(title, platform, store, TRAFFIC[traffic]);
      }
    }
  }
} finally {
  await stop();
}

async function measure(title, platform, store, { limit, status, contenders }) {
  await admin.flushall();
  const runs = [];
  for (const contender of contenders) {
    const env = {
      ...process.env,
      NODE_ENV: 'production',
      CONTENDER: contender,
      PLATFORM: platform,
      LIMIT: String(limit),
    };
    if (store === 'Redis') env.REDIS_PORT = String(redisPort);
    const child = fork(APP, { env });
    const [port] = await once(child, 'message', { signal: AbortSignal.timeout(30_000) });
    // The one request that a refusing limiter admits.
    await fetch(`http://127.0.0.1:${port}/`);
    runs.push({ contender, child, port, rates: [], ratios: [], micros: [] });
  }
  for (let round = -WARM_UP; round < ROUNDS; round += 1) {
    for (const run of runs) {
      const { rate, micros } = await turn(run, status);
      if (round < 0) continue;
      run.rates.push(rate);
      run.micros.push(micros);
      run.ratios.push(rate / runs[0].rates.at(-1));
    }
  }
  for (const { child } of runs) child.kill();
  const rows = runs.map(({ contender, rates, ratios, micros }) => [
    contender,
    {
      'requests/s': Math.round(median(rates)),
      ratio: Number(median(ratios).toFixed(2)),
      'CPU µs a request': Number(median(micros).toFixed(1)),
    },
  ]);
  report(`A request, ${title}`, Object.fromEntries(rows));
}

/** Requests a second, and the processor time that the server took for each, in µs. */
async function turn({ contender, child, port }, status) {
  child.send('');
  await once(child, 'message');
  const before = performance.now();
  const result = await autocannon({
    url: `http://127.0.0.1:${port}/`,
    connections: CONNECTIONS,
    amount: REQUESTS,
    sampleInt: 5,
  });
  const elapsed = performance.now() - before;
  child.send('');
  const [micros] = await once(child, 'message');
  if (result[status] !== REQUESTS)
    throw new Error(`${contender}: ${result[status]} of ${REQUESTS} answers are ${status}`);
  return { rate: (REQUESTS / elapsed) * 1000, micros: micros / REQUESTS };
}
