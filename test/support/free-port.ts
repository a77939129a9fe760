import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Ports for servers of tests: below every system's range of ephemeral ports. A port from that range could be taken by
 * an outgoing connection while its server is down, and a client that reconnects to it may even connect to itself.
 */
const FIRST_PORT = 12_000;
const LAST_PORT = 21_999;

/** A Redis Cluster's bus listens this far above the port of its node. */
const CLUSTER_BUS_OFFSET = 10_000;

const ATTEMPTS = 50;

/**
 * Finds a TCP port that is free on 127.0.0.1 (and whose Redis Cluster bus port is free, too).
 *
 * Another process may take it before its server listens: whoever starts a server on it tries again with another one.
 *
 * @throws Error when 50 random ports in a row are taken
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = randomInt(FIRST_PORT, LAST_PORT + 1);
    if ((await isFree(port)) && (await isFree(port + CLUSTER_BUS_OFFSET))) return port;
  }
  throw new Error(`No free port on 127.0.0.1 between ${FIRST_PORT} and ${LAST_PORT} in ${ATTEMPTS} attempts`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
