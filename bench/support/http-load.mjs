// Applications of the HTTP benchmarks, each in a process of its own, and the load that they get.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import autocannon from 'autocannon';

const APP = fileURLToPath(new URL('./http-app.mjs', import.meta.url));
const REQUESTS = 2_000;
const CONNECTIONS = 32;

/** A limit that no benchmark reaches. */
export const NEVER = 1_000_000_000;

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
  return { contender, child, url };
}

/** One turn of load: requests a second, and the processor time that the server took for each, in µs. */
export async function loadTurn({ contender, child, url }, status) {
  await processorMicros(child);
  const before = performance.now();
  const result = await autocannon({ url, connections: CONNECTIONS, amount: REQUESTS, sampleInt: 5 });
  const elapsed = performance.now() - before;
  const micros = await processorMicros(child);
  if (result[status] !== REQUESTS)
    throw new Error(`${contender}: ${result[status]} of ${REQUESTS} answers are ${status}`);
  return { rate: (REQUESTS / elapsed) * 1000, micros: micros / REQUESTS };
}

/** The processor time that an application took since it was last asked. */
async function processorMicros(child) {
  child.send('');
  const [micros] = await once(child, 'message');
  return micros;
}
