import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Redis } from 'ioredis';
import { freePort } from './free-port.mjs';

/** Of a port that takes a Cluster: its bus listens 10,000 ports above. */
const BUS_PORTS = 55_000;

/** A Redis on loopback that keeps nothing on disk, and a client of it. `REDIS_SERVER_BIN` says which program it is. */
export const startRedis = async () => start(await freePort());

/** One that is made a member of a Cluster. */
export async function startMaster() {
  const port = await freePort(BUS_PORTS);
  return start(port, ['--cluster-enabled', 'yes', '--cluster-config-file', `/tmp/floodgate-bench-${port}.conf`]);
}

async function start(port, more = []) {
  const child = spawn(
    process.env.REDIS_SERVER_BIN ?? 'redis-server',
    [
      ...['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--daemonize', 'no'],
      ...more,
    ],
    { stdio: 'ignore' },
  );
  const kill = () => child.kill('SIGKILL');
  process.on('exit', kill);
  const client = new Redis({ port, retryStrategy: () => 50 });
  client.on('error', () => undefined);
  // Not once() of node:events: it gives up at the first error, and the server may take a while to listen.
  await new Promise((resolve) => client.once('ready', resolve));
  return {
    port,
    client,
    async stop() {
      client.disconnect();
      child.kill();
      await once(child, 'exit');
      process.off('exit', kill);
    },
  };
}
