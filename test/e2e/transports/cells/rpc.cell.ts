import { Controller } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ClientProxyFactory,
  type ClientOptions,
  type ClientProxy,
  EventPattern,
  MessagePattern,
  type MicroserviceOptions,
  Transport,
} from '@nestjs/microservices';
import { lastValueFrom } from 'rxjs';
import { freePort } from '../../../support/free-port.js';
import {
  type Cell,
  type Client,
  fail,
  Guarded,
  type HandlerName,
  heard,
  Limited,
  readErrorObject,
  rootOf,
  type Told,
} from './cell.js';

@Controller()
class Handlers {
  @Limited('ask')
  @MessagePattern('ask')
  ask(): string {
    return 'ask';
  }

  @MessagePattern('free')
  free(): string {
    return 'free';
  }

  @Limited('event')
  @EventPattern('event')
  event(_payload: unknown): void {
    heard.events += 1;
  }

  @Guarded()
  @MessagePattern('partner')
  partner(): Promise<string> {
    return fail();
  }
}

class ProxyClient implements Client {
  constructor(private readonly proxy: ClientProxy) {}

  call(handlers: readonly HandlerName[]): Promise<Told[]> {
    return Promise.all(
      handlers.map((handler) =>
        lastValueFrom(this.proxy.send<HandlerName>(handler, {})).catch((error: unknown) =>
          readErrorObject(error as object),
        ),
      ),
    );
  }

  /** A call that is answered after events shows that those were read. */
  async emit(events: number): Promise<void> {
    for (let event = 0; event < events; event += 1) {
      await lastValueFrom(this.proxy.emit('event', {}), { defaultValue: undefined });
    }
    await this.call(['free']);
  }

  lost(): number {
    return 0;
  }

  async close(): Promise<void> {
    await this.proxy.close();
  }
}

const cellOver = (name: string, optionsOf: () => MicroserviceOptions | Promise<MicroserviceOptions>): Cell => ({
  name: `RPC over ${name}`,
  circuitCode: 'CIRCUIT_OPEN',
  async start(limits, logger) {
    const options = await optionsOf();
    const root = rootOf({ imports: [limits], controllers: [Handlers] });
    const app = await NestFactory.createMicroservice(root, { ...options, logger, abortOnError: false });
    await app.listen();
    const proxy = ClientProxyFactory.create(options as ClientOptions) as unknown as ClientProxy;
    await proxy.connect();
    return { app, client: new ProxyClient(proxy) };
  },
});

/** @param redisPort of a server that runs while the cells do */
export const rpcCells = (redisPort: () => number): readonly Cell[] => [
  cellOver('TCP', async () => ({
    transport: Transport.TCP,
    options: { host: '127.0.0.1', port: await freePort() },
  })),
  cellOver('Redis', () => ({ transport: Transport.REDIS, options: { host: '127.0.0.1', port: redisPort() } })),
];
