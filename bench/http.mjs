// What a limit costs a request: whole applications on Express and on Fastify, with counters in memory and in Redis, for
// requests that pass and for those that are refused, beside the limiters that people use now. Each contender has two
// processes of its own, because V8 compiles the same application a little differently in each. The load comes from here,
// over connections that stay open. Contenders take turns, many of them, because one turn of a process may take twice as
// long as its next. Each ratio is to the first one in the same round, and medians are shown. Processor time is what the
// server's process takes for a request.
//   npm run bench -- http
//   node bench/http.mjs 'fastify, memory'       only the tables whose titles begin so
import { CONTROL, loadTurn, NEVER, startApp, warmUp } from './support/http-load.mjs';
import { median } from './support/median.mjs';
import { startRedis } from './support/redis-server.mjs';
import { report } from './support/report.mjs';
import { scaled } from './support/scale.mjs';

/** A run with fewer rounds has fewer tables, too: most of its time goes into starting applications. */
const APPLICATIONS = [['fastify', 'memory'], ['express', 'memory'], ...(scaled(4) < 4 ? [] : [['fastify', 'Redis']])];
const PROCESSES = scaled(2);
const ROUNDS = scaled(10);
/** Requests. An application with more code is slower until V8 has compiled all of it: 12,000 are too few. */
const WARM_UP = { fastify: 30_000, express: 15_000 };
const PEERS = ['nestjs-floodgate', 'middleware', 'throttler'];
const TRAFFIC = {
  admitted: { limit: NEVER, status: '2xx', contenders: ['bare', 'a guard that always passes', CONTROL, ...PEERS] },
  refused: { limit: 1, status: '4xx', contenders: ["Nest's own 429", CONTROL, ...PEERS] },
};
const [chosen = ''] = process.argv.slice(2);

const { port: redisPort, client: admin, stop } = await startRedis();
try {
  for (const [platform, store] of APPLICATIONS) {
    for (const traffic of Object.keys(TRAFFIC)) {
      const title = `${platform}, ${store}, ${traffic}`;
      if (title.startsWith(chosen)) await measure(title, platform, store, TRAFFIC[traffic]);
    }
  }
} finally {
  await stop();
}

async function measure(title, platform, store, { limit, status, contenders }) {
  await admin.flushall();
  const runs = contenders.map((contender) => ({ contender, rates: [], ratios: [], micros: [] }));
  for (let copy = 0; copy < PROCESSES; copy += 1) {
    const options = { platform, limit, ...(store === 'Redis' && { redisPort }) };
    const apps = await Promise.all(contenders.map((contender) => startApp(contender, options)));
    await warmUp(apps, scaled(WARM_UP[platform]));
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [index, run] of runs.entries()) {
        const { rate, micros } = await loadTurn(apps[index], status);
        run.rates.push(rate);
        run.micros.push(micros);
        run.ratios.push(rate / runs[0].rates.at(-1));
      }
    }
    for (const { child } of apps) child.kill();
  }
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
