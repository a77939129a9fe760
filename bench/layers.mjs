// Where the time of a decision goes, which says what bounds it. In memory: each layer with all that it calls, from the
// store to a promise that is awaited. On Redis: a command of the client, then the same command with the script and the
// arguments of a decision, then our layers around it; processor time of this process. Then whose code runs during a
// decision of the rows of `service` and `redis`, by a profile of this process; and over HTTP during a request, by a profile
// of the server.
//   npm run bench -- layers
import 'reflect-metadata';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { Session } from 'node:inspector/promises';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Redis } from 'ioredis';
import { BackendService, memoryBackend, RateLimitModule } from '../dist/esm/index.js';
import { redisBackend } from '../dist/esm/backends/redis/index.js';
import { CONTROL, NEVER, profileOf, startApp } from './support/http-load.mjs';
import { keysOf } from './support/contest.mjs';
import { median } from './support/median.mjs';
import { GARBAGE, microsByPart, NATIVE, NODE, SOCKETS } from './support/profile.mjs';
import { startRedis } from './support/redis-server.mjs';
import { report } from './support/report.mjs';
import { scaled } from './support/scale.mjs';

// The Nest that the package finds, not the one that peers bring along here.
const { resolve } = createRequire(new URL('../package.json', import.meta.url));
const { NestFactory } = await import(pathToFileURL(resolve('@nestjs/core')));

const ROUNDS = scaled(15);
const PROCESSES = scaled(4);
const CALLS = 50_000;
const MANY = 100_000;
const KEYS = keysOf(5_000);
const NONE = { refusalCache: false, coalesce: false, batch: false };

/** Kept, or the compiler might find that nobody needs it. */
export let decision;

/** Rows of `service` and of `redis`, for a profile. */
const DECISIONS = {
  'memory, one hot key': { keys: 1 },
  'memory, 100,000 keys': { keys: MANY },
  'memory, three policies, one hot key': { keys: 1, policies: 3 },
  'memory, three policies, 100,000 keys': { keys: MANY, policies: 3 },
  'Redis, 64 callers, all off': { options: NONE, callers: 64 },
  'Redis, 64 callers, three policies, all off': { options: NONE, callers: 64, policies: 3 },
  'Redis, 1,024 callers, one hot key': { options: {}, callers: 1_024, keys: 1 },
  'Redis, 1,024 callers, refused': { options: {}, callers: 1_024, limit: 1 },
};
/** Parts of a process that only decides; the first that fits. */
const PARTS = [
  SOCKETS,
  GARBAGE,
  ['the clock', ({ functionName }) => functionName === 'now'],
  ['algorithms', ({ url }) => url.includes('/dist/esm/algorithms/')],
  ['the backend', ({ url }) => url.includes('/dist/esm/backends/')],
  ['request, breaker, deadline, failure mode', ({ url }) => url.includes('/dist/esm/')],
  ['ioredis', ({ url }) => url.includes('/node_modules/')],
  ['this benchmark', ({ url }) => url === import.meta.url],
  NODE,
  NATIVE,
];

const [task, decisions] = process.argv.slice(2);

if (task === '--profile') {
  await profileDecisions(DECISIONS[decisions]);
} else {
  await layersInMemory();
  const { port, stop } = await startRedis();
  try {
    for (const callers of [64, 1_024]) await layersOnRedis(port, callers);
    for (const name of Object.keys(DECISIONS)) codeOfDecisions(port, name);
    await codeOfRequests({ platform: 'fastify', redisPort: port });
  } finally {
    await stop();
  }
  for (const limit of [NEVER, 1]) {
    for (const platform of ['fastify', 'express']) await codeOfRequests({ platform, limit });
  }
}

async function serviceOn(backend, limits = [NEVER]) {
  const names = limits.map((_limit, index) => (index === 0 ? 'api' : `api-${index}`));
  const policies = Object.fromEntries(limits.map((limit, index) => [names[index], { limit, window: '1h' }]));
  const module = RateLimitModule.forRoot({ policies, backend, timeout: '5s' });
  const app = await NestFactory.createApplicationContext(module, { logger: false, abortOnError: false });
  return { app, service: app.get(BackendService), names };
}

async function layersInMemory() {
  const backend = memoryBackend();
  const { app, service } = await serviceOn(backend);
  const limiter = service.limiter('api');
  const { requests, decider } = service;
  const [guard] = decider.guards;
  const [key] = KEYS;
  const options = {};
  const request = requests.charging(key, 'api', options);
  const layers = {
    'an awaited async function that does nothing': async () => 1,
    'the store decides': () => backend.consume(request),
    'with breaker and deadline': () => guard.consume(request),
    'with the failure mode': () => decider.decide(request),
    'with the request': () => decider.decide(requests.charging(key, limiter.policies, limiter.options)),
    'limiter.consume, awaited': () => limiter.consume(key),
    'BackendService.consume, awaited': () => service.consume(key, 'api'),
  };
  const times = Object.fromEntries(Object.keys(layers).map((name) => [name, []]));
  for (let round = -5; round < ROUNDS; round += 1) {
    for (const [name, decide] of Object.entries(layers)) {
      const micros = await processorMicros(() => (isAsync(decide) ? awaited(decide) : atOnce(decide)));
      if (round >= 0) times[name].push((micros * 1_000) / CALLS);
    }
  }
  const rows = Object.entries(times).map(([name, all]) => [name, { 'ns a decision': Math.round(median(all)) }]);
  report('A decision in memory, one key, layer by layer', Object.fromEntries(rows));
  await app.close();
}

function isAsync(decide) {
  return typeof decide().then === 'function';
}

function atOnce(decide) {
  for (let call = 0; call < CALLS; call += 1) decision = decide();
}

async function awaited(decide) {
  for (let call = 0; call < CALLS; call += 1) decision = await decide();
}

async function layersOnRedis(port, callers) {
  const client = new Redis(port, { lazyConnect: true });
  await client.connect();
  const sha = await client.script('LOAD', 'return 1');
  const alone = redisBackend({ client, keyPrefix: 'alone:', ...NONE });
  const off = await serviceOn(redisBackend({ client, keyPrefix: 'off:', ...NONE }));
  const on = await serviceOn(redisBackend({ client, keyPrefix: 'on:' }));
  const requestOf = (key) => off.service.requests.charging(key, 'api', {});
  const args = await argumentsOf(client, () => alone.consume(requestOf(KEYS[0])));
  const layers = {
    'ioredis: EVALSHA of `return 1`': (key) => client.evalsha(sha, 1, key),
    "ioredis: EVALSHA of a decision's script": () => client.evalsha(...args),
    'the store decides': (key) => alone.consume(requestOf(key)),
    'BackendService.consume, nothing amortised': (key) => off.service.consume(key, 'api'),
    'BackendService.consume': (key) => on.service.consume(key, 'api'),
  };
  const calls = scaled(20) * callers;
  const times = Object.fromEntries(Object.keys(layers).map((name) => [name, []]));
  for (let round = -3; round < ROUNDS; round += 1) {
    for (const [name, decide] of Object.entries(layers)) {
      const micros = await processorMicros(() => byCallers(decide, callers, calls));
      if (round >= 0) times[name].push(micros / calls);
    }
  }
  const rows = Object.entries(times).map(([name, all]) => [
    name,
    { 'client µs a decision': Number(median(all).toFixed(1)) },
  ]);
  report(`A decision on Redis, ${callers.toLocaleString('en')} callers, layer by layer`, Object.fromEntries(rows));
  for (const { app } of [off, on]) await app.close();
  client.disconnect();
  if (client.status !== 'end') await once(client, 'end');
}

/** The arguments of the EVALSHA that a call sends. */
async function argumentsOf(client, call) {
  await call();
  const { sendCommand } = client;
  let args;
  client.sendCommand = function send(command, ...rest) {
    if (command.name === 'evalsha') ({ args } = command);
    return sendCommand.call(this, command, ...rest);
  };
  await call();
  delete client.sendCommand;
  return args;
}

async function byCallers(decide, callers, calls, keys = KEYS) {
  let made = 0;
  const caller = async () => {
    while (made < calls) {
      made += 1;
      decision = await decide(keys[(made * 7919) % keys.length]);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
}

async function processorMicros(work) {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** In a process of its own, as in an application, where all calls are of one kind. */
function codeOfDecisions(port, name) {
  const env = { ...process.env, REDIS_PORT: String(port) };
  const output = execFileSync(process.execPath, [import.meta.filename, '--profile', name], { env, encoding: 'utf8' });
  const parts = Object.entries(JSON.parse(output)).filter(([, micros]) => micros > 0);
  const all = parts.reduce((sum, [, micros]) => sum + micros, 0);
  const rows = parts.map(([part, micros]) => [
    part,
    { 'µs a decision': Number(micros.toFixed(2)), '%': Math.round((micros / all) * 100) },
  ]);
  report(`Whose code runs in a decision: ${name}`, Object.fromEntries(rows));
}

async function profileDecisions({ options, callers = 1, keys = KEYS.length, policies = 1, limit = NEVER }) {
  const client = options && new Redis(Number(process.env.REDIS_PORT));
  const keyPrefix = `${decisions}:`;
  const backend = client ? redisBackend({ client, keyPrefix, ...options }) : memoryBackend({ maxKeys: 4 * MANY });
  const limits = Array.from({ length: policies }, (_, index) => limit * (index + 1));
  const { service, names } = await serviceOn(backend, limits);
  const decide = (key) => service.consume(key, names);
  const subjects = keysOf(keys);
  const calls = scaled(client ? 500_000 : 1_500_000);
  await byCallers(decide, callers, calls, subjects);
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.start');
  await byCallers(decide, callers, calls, subjects);
  const { profile } = await session.post('Profiler.stop');
  console.log(JSON.stringify(microsByPart(profile, calls, PARTS)));
  process.exit();
}

/** The mean of several processes, because V8 compiles the same application a little differently in each. */
async function codeOfRequests({ platform, limit = NEVER, redisPort }) {
  const refused = limit === 1;
  const contenders = [refused ? "Nest's own 429" : 'bare', CONTROL, 'nestjs-floodgate'];
  const rows = {};
  for (let copy = 0; copy < PROCESSES; copy += 1) {
    const options = { platform, limit, ...(redisPort !== undefined && { redisPort }) };
    const runs = await Promise.all(contenders.map((contender) => startApp(contender, options)));
    for (const run of runs) {
      for (const [part, micros] of Object.entries(await profileOf(run, refused ? '4xx' : '2xx'))) {
        rows[part] ??= Object.fromEntries(contenders.map((contender) => [contender, 0]));
        rows[part][run.contender] += micros / PROCESSES;
      }
    }
    for (const { child } of runs) child.kill();
  }
  const rounded = Object.entries(rows).map(([part, micros]) => [
    part,
    Object.fromEntries(contenders.map((contender) => [`${contender}, µs`, Number(micros[contender].toFixed(1))])),
  ]);
  const where = `${platform}, ${redisPort === undefined ? 'memory' : 'Redis'}, ${refused ? 'refused' : 'admitted'}`;
  report(`Whose code runs in a request: ${where}`, Object.fromEntries(rounded));
}
