import { once } from 'node:events';
import { createServer } from 'node:net';
import type { INestApplication } from '@nestjs/common';
import { type MicroserviceOptions, Transport } from '@nestjs/microservices';

const HOST = '127.0.0.1';

/**
 * Makes the application a hybrid one: it serves the tills over TCP, too. Limits need nothing more than this.
 *
 * @param port of this machine
 */
export async function serveTills(app: INestApplication, port: number): Promise<void> {
  app.connectMicroservice<MicroserviceOptions>({ transport: Transport.TCP, options: { host: HOST, port } });
  await app.startAllMicroservices();
}

/** The first port from this one on that nobody listens on. */
export async function freePortFrom(port: number): Promise<number> {
  const server = createServer();
  try {
    server.listen(port, HOST);
    await once(server, 'listening');
    return port;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    return await freePortFrom(port + 1);
  } finally {
    server.close();
  }
}
