import type { INestApplication } from '@nestjs/common';
import { type MicroserviceOptions, Transport } from '@nestjs/microservices';

export const TILLS_HOST = '127.0.0.1';

/**
 * Makes the application a hybrid one: it also serves the tills over TCP. The limits need no further setup.
 *
 * @param port on this machine
 */
export async function serveTills(app: INestApplication, port: number): Promise<void> {
  app.connectMicroservice<MicroserviceOptions>({ transport: Transport.TCP, options: { host: TILLS_HOST, port } });
  await app.startAllMicroservices();
}
