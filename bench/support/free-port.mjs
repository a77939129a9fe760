import { once } from 'node:events';
import { createServer } from 'node:net';

/** A port of loopback that nobody listens on, below a limit. */
export async function freePort(below = 65_536) {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port < below ? port : freePort(below);
}
