// What a decision on Redis costs through BackendService.consume, with all amortisation and with none, beside the
// limiters that people use now and beside a bare EVALSHA: with one, 64 and 1,024 callers at a time, for one policy and
// for three, for one hot key, and for clients that are refused; what it costs the server; and what a limiter weighs
// there. Rounds are interleaved, ratios are to the bare EVALSHA of the same round, and medians are shown. Processor time is
// the least of all rounds: where the machine is busy with other things, it tells more than the rates do.
//   npm run bench -- redis
import 'reflect-metadata';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Redis } from 'ioredis';
import { RateLimiterRedis, RateLimiterUnion } from 'rate-limiter-flexible';
import { RedisStore } from 'rate-limit-redis';
import { BackendService, RateLimitModule } from '../dist/esm/index.js';
import { redisBackend } from '../dist/esm/backends/redis/index.js';
import { testPolicy } from '../dist/esm/testing/index.js';
import { keysOf } from './support/contest.mjs';
import { median } from './support/median.mjs';
import { startRedis } from './support/redis-server.mjs';
import { report } from './support/report.mjs';
import { scaled } from './support/scale.mjs';

// The Nest that the package finds, not the one that peers bring along here.
const { resolve } = createRequire(new URL('../package.json', import.meta.url));
const { NestFactory } = await import(pathToFileURL(resolve('@nestjs/core')));

const ROUNDS = scaled(7);
const WARM_UP = 2;
const TURN_MS = 250;
const KEYS = 5_000;
const COUNTED = 20_000;
const WINDOW_MS = 3_600_000;
const LIMITS = [1_000_000_000, 2_000_000_000, 3_000_000_000];

const rounded = (value) => Number(value.toFixed(2));

const SUBJECTS = keysOf(KEYS);

/** Contenders by name: each makes, for its client and its limits, a function that promises to decide on a key. */
const raw = (client) => {
  const sha = client.script('LOAD', 'return 1');
  return async (subject) => client.evalsha(await sha, 1, subject);
};

const NONE = { refusalCache: false, coalesce: false, batch: false };

/** As an application calls it. */
const service = (options, policy) => async (client, limits) => {
  const names = limits.map((_limit, index) => `policy-${index}`);
  const policies = Object.fromEntries(
    limits.map((limit, index) => [names[index], { limit, window: WINDOW_MS, ...policy }]),
  );
  const keyPrefix = `${options === NONE ? 'off' : 'on'}${policy === undefined ? '' : JSON.stringify(policy)}:`;
  const backend = redisBackend({ client, keyPrefix, ...options });
  const module = RateLimitModule.forRoot({ backend, policies, timeout: '5s' });
  const app = await NestFactory.createApplicationContext(module, { logger: false, abortOnError: false });
  const limiter = app.get(BackendService);
  return (subject) => limiter.consume(subject, names);
};

/** The backend alone. */
const floodgate = (algorithm) => (client, limits) => {
  const backend = redisBackend({ client, keyPrefix: `${algorithm}:`, ...NONE });
  const policies = limits.map((limit, index) =>
    testPolicy({ name: `policy-${index}`, algorithm, limit, windowMs: WINDOW_MS }),
  );
  return (subject) =>
    backend.consume({ charges: policies.map((policy) => ({ key: subject, policy, cost: 1 })), timeoutMs: 5_000 });
};

const peers = {
  'rate-limiter-flexible': (client, limits) => {
    const limiters = limits.map(
      (points, index) =>
        new RateLimiterRedis({ storeClient: client, keyPrefix: `l${index}`, points, duration: WINDOW_MS / 1000 }),
    );
    const limiter = limiters.length === 1 ? limiters[0] : new RateLimiterUnion(...limiters);
    return (subject) => limiter.consume(subject, 1).catch(refusal);
  },
  'rate-limit-redis': (client, limits) => {
    const stores = limits.map((_limit, index) => {
      const store = new RedisStore({ sendCommand: (...args) => client.call(...args), prefix: `s${index}:` });
      store.init({ windowMs: WINDOW_MS });
      return store;
    });
    if (stores.length === 1) return (subject) => stores[0].increment(subject);
    return (subject) => Promise.all(stores.map((store) => store.increment(subject)));
  },
};

/** With its own cache of refusals: a point over the limit blocks the key in the process. */
const blockListed = (client, [points]) => {
  const limiter = new RateLimiterRedis({
    ...{ storeClient: client, keyPrefix: 'blocked', points, duration: WINDOW_MS / 1000 },
    ...{ inMemoryBlockOnConsumed: points + 1, inMemoryBlockDuration: WINDOW_MS / 1000 },
  });
  return (subject) => limiter.consume(subject, 1).catch(refusal);
};

/** What it rejects with is no error. */
function refusal(result) {
  if (result instanceof Error) throw result;
}

const inService = {
  'EVALSHA return 1': raw,
  'nestjs-floodgate': service({}),
  'the same, all off': service(NONE),
  ...peers,
};
const FIXED = { algorithm: 'fixed-window' };
const hot = {
  ...inService,
  'fixed-window': service({}, FIXED),
  'fixed-window, leased': service({}, { ...FIXED, lease: true }),
};
const refusing = { ...inService, 'its block list': blockListed };
const onServer = {
  'EVALSHA return 1': raw,
  'sliding-window': floodgate('sliding-window'),
  'fixed-window': floodgate('fixed-window'),
  'token-bucket': floodgate('token-bucket'),
  ...peers,
};

const { port, client: admin, stop } = await startRedis();

try {
  const one = LIMITS.slice(0, 1);
  for (const callers of [1, 64, 1024]) await throughput({ title: 'one policy', limits: one, callers });
  for (const callers of [64, 1024]) await throughput({ title: 'three policies', limits: LIMITS, callers });
  await throughput({ title: 'one hot key', limits: one, callers: 1024, keys: 1, contenders: hot });
  for (const callers of [64, 1024]) {
    await admin.flushall();
    await throughput({ title: 'refused', limits: [1], callers, contenders: refusing });
  }
  if (scaled(100) === 100) {
    for (const limits of [one, LIMITS]) await serverCost(limits);
    await weight();
  }
} finally {
  await stop();
}

async function throughput({ title, limits, callers, keys = KEYS, contenders = inService }) {
  const runs = await Promise.all(
    Object.entries(contenders).map(async ([name, make]) => {
      const client = new Redis({ port });
      await once(client, 'ready');
      return { name, client, decide: await make(client, limits), rates: [], ratios: [], cpu: [], serverCpu: [] };
    }),
  );
  for (let round = -WARM_UP; round < ROUNDS; round += 1) {
    for (const run of runs) {
      const serverBefore = await serverCpuTime();
      const before = process.cpuUsage();
      const { rate, made } = await turn(run.decide, callers, keys);
      const { user, system } = process.cpuUsage(before);
      if (round < 0) continue;
      run.cpu.push((user + system) / made);
      run.serverCpu.push(((await serverCpuTime()) - serverBefore) / made);
      run.rates.push(rate);
      run.ratios.push(rate / runs[0].rates.at(-1));
    }
  }
  const rows = runs.map(({ name, rates, ratios, cpu, serverCpu }) => [
    name,
    {
      'decisions/s': Math.round(median(rates)),
      ratio: rounded(median(ratios)),
      'client µs': rounded(Math.min(...cpu)),
      'server µs': rounded(Math.min(...serverCpu)),
    },
  ]);
  report(`Redis, ${callers === 1 ? '1 caller' : `${callers} callers`}, ${title}`, Object.fromEntries(rows));
  runs.forEach(({ client }) => client.disconnect());
}

/** Decisions, and their rate a second, while so many callers wait for theirs. */
async function turn(decide, callers, keys) {
  const start = performance.now();
  let made = 0;
  const caller = async (index) => {
    for (let next = index * 7919; performance.now() - start < TURN_MS; next += 1) {
      await decide(SUBJECTS[next % keys]);
      made += 1;
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, index) => caller(index)));
  return { made, rate: (made / (performance.now() - start)) * 1000 };
}

async function serverCost(limits) {
  const rows = {};
  for (const [name, make] of Object.entries(onServer)) {
    const client = new Redis({ port });
    const decide = make(client, limits);
    const costs = [];
    for (let round = 0; round < 5; round += 1) {
      await admin.config('RESETSTAT');
      for (let made = 0; made < COUNTED; made += 500) {
        await Promise.all(Array.from({ length: 500 }, (_, index) => decide(SUBJECTS[(made + index) % KEYS])));
      }
      costs.push((await scriptTime()) / COUNTED);
    }
    rows[name] = { 'µs, least of 5': rounded(Math.min(...costs)) };
    client.disconnect();
  }
  report(`Time of the Redis server in scripts for a decision, ${policiesOf(limits)}`, rows);
}

/** Time that the server spent in scripts, µs. */
async function scriptTime() {
  const stats = await admin.info('commandstats');
  return Number(/cmdstat_evalsha:calls=\d+,usec=(\d+)/.exec(stats)?.[1] ?? 0);
}

/** Processor time of the server so far, µs. */
async function serverCpuTime() {
  const stats = await admin.info('cpu');
  return (
    ['user', 'sys'].reduce((sum, kind) => sum + Number(new RegExp(`used_cpu_${kind}:([\\d.]+)`).exec(stats)[1]), 0) *
    1e6
  );
}

async function weight() {
  const rows = {};
  for (const limits of [LIMITS.slice(0, 1), LIMITS]) {
    for (const [name, make] of Object.entries(onServer).slice(1)) {
      await admin.flushall();
      const client = new Redis({ port });
      const decide = make(client, limits);
      await decide('warm up');
      await admin.flushall();
      const before = await usedMemory();
      // A power of two: the server's tables have then just been filled.
      const count = 65_536;
      for (let made = 0; made < count; made += 512) {
        await Promise.all(Array.from({ length: 512 }, (_, index) => decide(`ip:10.${made}.${index}`)));
      }
      rows[name] = { ...rows[name], [policiesOf(limits)]: Math.round(((await usedMemory()) - before) / count) };
      client.disconnect();
    }
  }
  report('Bytes of the Redis server for a subject', rows);
}

async function usedMemory() {
  return Number(/used_memory:(\d+)/.exec(await admin.info('memory'))[1]);
}

function policiesOf(limits) {
  return limits.length === 1 ? 'one policy' : 'three policies';
}
