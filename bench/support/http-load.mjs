// Applications of the HTTP benchmarks, each in a process of its own, and the load that they get.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import autocannon from 'autocannon';
import { GARBAGE, microsByPart, NATIVE, NODE, SOCKETS } from './profile.mjs';
import { scaled } from './scale.mjs';

const APP = fileURLToPath(new URL('./http-app.mjs', import.meta.url));
/** Of a turn: on Express a request takes five times as long. */
const REQUESTS = { fastify: 2_000, express: 1_000 };
const CONNECTIONS = 32;
const LONG_TURN_MS = 2_000;

/** A limit that no benchmark reaches. */
export const NEVER = 1_000_000_000;
/** What a limiter with the headers of this package cannot beat. */
export const CONTROL = 'no limiter, the same headers';

/**
 * Starts an application.
 *
 * @param redisPort keeps the counters there. Default: in memory
 * @param dist the folder of another version of this package. Default: that of this checkout
 */
export async function startApp(contender, { platform = 'fastify', limit = NEVER, redisPort, dist } = {}) {
  const env = {
    ...process.env,
    NODE_ENV: 'production',
    CONTENDER: contender,
    PLATFORM: platform,
    LIMIT: String(limit),
  };
  if (redisPort !== undefined) env.REDIS_PORT = String(redisPort);
  if (dist !== undefined) env.DIST = dist;
  const child = fork(APP, { env });
  const [port] = await once(child, 'message', { signal: AbortSignal.timeout(30_000) });
  const url = `http://127.0.0.1:${port}/`;
  // The one request that a refusing limiter admits.
  await fetch(url);
  return { contender, child, url, requests: REQUESTS[platform], needsRedis: redisPort !== undefined };
}

/** Gives applications so many requests each, all at once, before any of them is measured. */
export async function warmUp(runs, requests) {
  const loads = runs.map(({ url }) => autocannon({ url, connections: CONNECTIONS, amount: requests, sampleInt: 5 }));
  await Promise.all(loads);
}

/**
 * One turn of load: requests a second, and the processor time that the server took for each, in µs.
 *
 * This process does not sleep meanwhile, unless Redis needs its processor. A client that sleeps has to be woken by each
 * answer, which takes the server longer than a limit does; and it sleeps the more, the slower the server is. A client on
 * another machine costs the server nothing of this.
 */
export async function loadTurn(run, status) {
  const { contender, child, url, needsRedis, requests } = run;
  await processorMicros(child);
  const before = performance.now();
  const load = autocannon({ url, connections: CONNECTIONS, amount: requests, sampleInt: 5 });
  const result = await (needsRedis ? load : withoutSleep(load));
  const elapsed = performance.now() - before;
  const micros = await processorMicros(child);
  if (result[status] !== requests)
    throw new Error(`${contender}: ${result[status]} of ${requests} answers are ${status}`);
  // One that is a hundred times slower than the others would take most of the time of the benchmark.
  if (elapsed > LONG_TURN_MS) run.requests = Math.max(10 * CONNECTIONS, Math.round((requests / elapsed) * 1_000));
  return { rate: (requests / elapsed) * 1000, micros: micros / requests };
}

/** Keeps the loop of this process turning until the work is done. */
async function withoutSleep(work) {
  let isOver = false;
  const turn = () => isOver || setImmediate(turn);
  turn();
  try {
    return await work;
  } finally {
    isOver = true;
  }
}

/** What a request spends in whose code, in µs: by a profile of the server, whose own cost is in it. */
export async function profileOf(run, status) {
  const turns = scaled(8);
  await warmUp([run], scaled(16_000));
  await answerOf(run.child, 'start profile');
  for (let turn = 0; turn < turns; turn += 1) await loadTurn(run, status);
  return microsByPart(await answerOf(run.child, 'stop profile'), turns * run.requests, PARTS);
}

/** Parts of a server, each by what its functions or their files are called; the first that fits. */
const PARTS = [
  SOCKETS,
  GARBAGE,
  [
    'creating and throwing an exception',
    ({ functionName }) => /^(HttpException|passOrThrow|refuse)$/.test(functionName),
  ],
  ['nestjs-floodgate', ({ url }) => url.includes('/dist/esm/')],
  ['Nest', ({ url }) => url.includes('/@nestjs/')],
  ['other packages', ({ url }) => url.includes('/node_modules/')],
  NODE,
  NATIVE,
];

/** The processor time that an application took since it was last asked. */
const processorMicros = (child) => answerOf(child, 'processor time');

async function answerOf(child, question) {
  child.send(question);
  const [answer] = await once(child, 'message');
  return answer;
}
