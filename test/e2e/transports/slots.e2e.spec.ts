import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Controller, type INestApplicationContext, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClientProxyFactory, MessagePattern, type MicroserviceOptions, Transport } from '@nestjs/microservices';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import { MessageBody, type OnGatewayConnection, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { BackendService, RateLimit, RateLimitModule, type RateLimitModuleOptions } from 'nestjs-floodgate';
import { concat, lastValueFrom, NEVER, type Observable, of, throwError } from 'rxjs';
import { io } from 'socket.io-client';
import { WebSocket } from 'ws';
import { eventually } from '../../support/eventually.js';
import { freePort } from '../../support/free-port.js';

const LIMIT = 2;

/** Leases are so long that no slot of these tests is free because its lease is over. */
const options: RateLimitModuleOptions = {
  policies: {
    slots: { limit: LIMIT, algorithm: 'concurrency', leaseTime: '1h', key: 'global' },
    line: { limit: 1, algorithm: 'concurrency', leaseTime: '1h', key: 'global', queue: { size: 5, maxWait: '20s' } },
    clients: { limit: LIMIT, algorithm: 'concurrency', leaseTime: '1h', key: 'global' },
  },
};

const waiting: (() => void)[] = [];
let thrown = 0;
const hold = (): Promise<string> => new Promise((resolve) => waiting.push(() => resolve('held')));
const letGo = (): void => {
  for (const go of waiting.splice(0)) go();
};

@Controller()
class Handlers {
  @RateLimit('slots')
  @MessagePattern('call')
  call(how: string): Promise<string> | Observable<string> {
    switch (how) {
      case 'hold':
        return hold();
      case 'throw':
        throw new Error('broken');
      case 'break':
        return concat(
          of('first'),
          throwError(() => new Error('broken')),
        );
      default:
        return of('first', 'last');
    }
  }

  @RateLimit('line')
  @MessagePattern('line')
  line(): Promise<string> {
    return hold();
  }
}

@WebSocketGateway()
class Gateway implements OnGatewayConnection {
  handleConnection(): void {
    // Counted by the module's `connect`.
  }

  @RateLimit('slots')
  @SubscribeMessage('call')
  async call(@MessageBody() how: string): Promise<object | Observable<object>> {
    if (how === 'throw') {
      thrown += 1;
      throw new Error('broken');
    }
    if (how === 'endless') return NEVER;
    return { event: 'answer', data: how === 'hold' ? await hold() : how };
  }
}

@Module({ imports: [RateLimitModule.forRoot(options)], controllers: [Handlers] })
class MessagesModule {}

@Module({ imports: [RateLimitModule.forRoot({ ...options, connect: 'clients' })], providers: [Gateway] })
class GatewayModule {}

const freeOf = async (app: INestApplicationContext, policy = 'slots'): Promise<number> =>
  (await app.get(BackendService).peek('global', policy)).policies[0]!.remaining;

const allFree = (app: INestApplicationContext, policy?: string): Promise<boolean> =>
  eventually(async () => (await freeOf(app, policy)) === LIMIT, { what: 'all slots are free' });

describe('a message of a microservice', () => {
  let app: Awaited<ReturnType<typeof NestFactory.createMicroservice>>;
  let client: ReturnType<typeof ClientProxyFactory.create>;
  const send = (data: string, pattern = 'call'): Promise<string> => lastValueFrom(client.send<string>(pattern, data));

  beforeAll(async () => {
    const at = { host: '127.0.0.1', port: await freePort() };
    const server: MicroserviceOptions = { transport: Transport.TCP, options: at };
    app = await NestFactory.createMicroservice(MessagesModule, { ...server, logger: false });
    await app.listen();
    client = ClientProxyFactory.create({ transport: Transport.TCP, options: at });
  });
  afterAll(async () => {
    client.close();
    await app.close();
  });

  it('holds a slot while its handler runs', async () => {
    const held = [send('hold'), send('hold')];
    await eventually(() => waiting.length === LIMIT);
    await expect(send('answer')).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    letGo();
    expect(await Promise.all(held)).toEqual(['held', 'held']);
    await allFree(app);
  });

  it.each(['answer', 'throw', 'break'])('gives it back when the handler ends (%s)', async (how) => {
    for (let call = 0; call < 3 * LIMIT; call += 1) {
      await send(how).catch(() => undefined);
      await allFree(app);
    }
  });

  it('hands a slot to the next in the queue', async () => {
    const calls = [1, 2, 3].map(() => send('', 'line'));
    for (let ended = 0; ended < 3; ended += 1) {
      await eventually(() => waiting.length === 1);
      letGo();
    }
    expect(await Promise.all(calls)).toEqual(['held', 'held', 'held']);
    await eventually(async () => (await freeOf(app, 'line')) === 1);
  });
});

interface Client {
  send(how: string): void;
  close(): void;
  readonly received: readonly string[];
}

async function nativeClient(port: number): Promise<Client> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`);
  const received: string[] = [];
  socket.on('message', (data: Buffer) => received.push(data.toString()));
  await once(socket, 'open');
  return {
    send: (how) => socket.send(JSON.stringify({ event: 'call', data: how })),
    close: () => socket.close(),
    received,
  };
}

async function ioClient(port: number): Promise<Client> {
  const socket = io(`http://127.0.0.1:${port}`, { transports: ['websocket'], reconnection: false });
  const received: string[] = [];
  socket.onAny((...message: unknown[]) => received.push(JSON.stringify(message)));
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  return { send: (how) => void socket.emit('call', how), close: () => void socket.close(), received };
}

describe.each([
  ['ws', WsAdapter, nativeClient],
  ['socket.io', IoAdapter, ioClient],
] as const)('a client of %s', (_name, Adapter, connect) => {
  it('holds a slot by each message while its handler runs, and one by its connection', async () => {
    const app = await NestFactory.create(GatewayModule, { logger: false });
    app.useWebSocketAdapter(new Adapter(app));
    await app.listen(0, '127.0.0.1');
    const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
    const clients: Client[] = [];
    try {
      const client = await connect(port);
      clients.push(client);
      for (const how of ['answer', 'throw', 'answer', 'throw', 'answer']) {
        // On ws, Nest 11 tells the client nothing of an ordinary error.
        const ended = (): number => (how === 'throw' ? thrown : client.received.length);
        const before = ended();
        client.send(how);
        await eventually(() => ended() > before);
        await allFree(app);
      }
      client.send('hold');
      client.send('hold');
      await eventually(() => waiting.length === LIMIT);
      client.send('answer');
      await eventually(() => client.received.at(-1)?.includes('RATE_LIMITED'));
      letGo();
      await allFree(app);

      expect(await freeOf(app, 'clients')).toBe(LIMIT - 1);
      const second = await connect(port);
      clients.push(second);
      await eventually(async () => (await freeOf(app, 'clients')) === LIMIT - 2);
      const third = await connect(port);
      clients.push(third);
      await eventually(() => third.received.at(-1)?.includes('RATE_LIMITED'));
      second.close();
      await eventually(async () => (await freeOf(app, 'clients')) === LIMIT - 1);
      client.close();
      await allFree(app, 'clients');
    } finally {
      for (const client of clients) client.close();
      await app.close();
    }
  });
});
