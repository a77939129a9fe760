import type { INestApplication } from '@nestjs/common';
import { type MicroserviceOptions, Transport } from '@nestjs/microservices';

/**
 * Makes the application a hybrid one: it serves the tills over TCP, too. Limits need nothing more than this.
 *
 * @param port of this machine
 */
export async function serveTills(app: INestApplication, port: number): Promise<void> {
  app.connectMicroservice<MicroserviceOptions>({ transport: Transport.TCP, options: { host: '127.0.0.1', port } });
  await app.startAllMicroservices();
}
