import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type INestApplication, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type NestExpressApplication } from '@nestjs/platform-express';
import { WsAdapter } from '@nestjs/platform-ws';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { type Decision, RateLimit, RateLimitDecision, RateLimitModule } from 'nestjs-floodgate';
import { io } from 'socket.io-client';
import { WebSocket } from 'ws';

class ChatHandlers {
  @RateLimit({ name: 'chat', rate: '5/m' })
  @SubscribeMessage('chat')
  chat(@MessageBody() text: string, @RateLimitDecision() decision: Decision): object {
    return { event: 'chat', data: { text, remaining: decision.policies[0]?.remaining } };
  }

  @SubscribeMessage('free')
  free(): object {
    return { event: 'free', data: 'free' };
  }
}

@WebSocketGateway()
class SocketIoGateway extends ChatHandlers {}

@WebSocketGateway()
class WsGateway extends ChatHandlers {}

interface ChatApp {
  readonly app: INestApplication;
  readonly port: number;
}

async function startChat(gateway: Type, configure: (app: INestApplication) => void): Promise<ChatApp> {
  @Module({
    imports: [
      RateLimitModule.forRoot({
        policies: { everywhere: '1/m' },
        apply: ['everywhere'],
      }),
    ],
    providers: [gateway],
  })
  class ChatModule {}
  const app = await NestFactory.create<NestExpressApplication>(ChatModule, { logger: false, abortOnError: false });
  app.set('trust proxy', true);
  configure(app);
  await app.listen(0, '127.0.0.1');
  const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
  return { app, port };
}

/** A client of either kind. */
interface Client {
  send(event: string, data: unknown): void;
  /** Messages of an event, as they come. */
  readonly received: readonly (readonly [event: string, data: unknown])[];
  /** Waits for so many messages in all. */
  count(messages: number): Promise<void>;
  readonly closed: Promise<void>;
  close(): void;
}

async function socketIoClient(port: number, address: string): Promise<Client> {
  const socket = io(`http://127.0.0.1:${port}`, {
    transports: ['websocket'],
    reconnection: false,
    extraHeaders: { 'X-Forwarded-For': address },
  });
  const received: [string, unknown][] = [];
  const waiting = new Waiting(received);
  socket.onAny((event: string, data: unknown) => waiting.add(event, data));
  const closed = new Promise<void>((resolve) => socket.once('disconnect', () => resolve()));
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  return {
    received,
    send: (event, data) => void socket.emit(event, data),
    count: (messages) => waiting.count(messages),
    closed,
    close: () => void socket.close(),
  };
}

async function wsClient(port: number, address: string): Promise<Client> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, { headers: { 'X-Forwarded-For': address } });
  const received: [string, unknown][] = [];
  const waiting = new Waiting(received);
  socket.on('message', (bytes: Buffer) => {
    const { event, data } = JSON.parse(bytes.toString()) as { event: string; data: unknown };
    waiting.add(event, data);
  });
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await once(socket, 'open');
  return {
    received,
    send: (event, data) => socket.send(JSON.stringify({ event, data })),
    count: (messages) => waiting.count(messages),
    closed,
    close: () => socket.close(),
  };
}

/** Messages that came, and those who wait for them. */
class Waiting {
  private readonly waiters: { readonly messages: number; resolve(): void }[] = [];
  constructor(private readonly received: [string, unknown][]) {}

  add(event: string, data: unknown): void {
    this.received.push([event, data]);
    for (const { messages, resolve } of this.waiters) if (this.received.length >= messages) resolve();
  }

  count(messages: number): Promise<void> {
    if (this.received.length >= messages) return Promise.resolve();
    return new Promise((resolve) => this.waiters.push({ messages, resolve }));
  }
}

const eventsOf = (client: Client, event: string): unknown[] =>
  client.received.filter(([name]) => name === event).map(([, data]) => data);

const kinds: [string, Type, (app: INestApplication) => void, (port: number, address: string) => Promise<Client>][] = [
  ['socket.io', SocketIoGateway, () => undefined, socketIoClient],
  ['ws', WsGateway, (app) => app.useWebSocketAdapter(new WsAdapter(app)), wsClient],
];

describe.each(kinds)('a gateway on %s', (_kind, gateway, configure, connect) => {
  let chat: ChatApp;
  const clients: Client[] = [];
  const client = async (address: string): Promise<Client> => {
    const one = await connect(chat.port, address);
    clients.push(one);
    return one;
  };

  beforeAll(async () => {
    chat = await startChat(gateway, configure);
  });
  afterAll(async () => {
    for (const one of clients) one.close();
    await Promise.all(clients.map(({ closed }) => closed));
    await chat.app.close();
  });

  it('counts the clients behind a proxy apart, by the setting of the HTTP adapter', async () => {
    const one = await client('192.0.2.2');
    one.send('chat', 'text');
    await one.count(1);
    expect(eventsOf(one, 'chat')).toEqual([{ text: 'text', remaining: 4 }]);
  });

  it('gives each of parallel messages its own decision', async () => {
    const one = await client('192.0.2.4');
    for (let index = 0; index < 5; index += 1) one.send('chat', `text ${index}`);
    await one.count(5);
    const answers = eventsOf(one, 'chat') as { remaining: number }[];
    expect(answers.map(({ remaining }) => remaining).sort()).toEqual([0, 1, 2, 3, 4]);
  });

  it('does not count messages by what the module applies', async () => {
    const one = await client('192.0.2.3');
    for (let index = 0; index < 3; index += 1) one.send('free', 1);
    await one.count(3);
    expect(eventsOf(one, 'exception')).toEqual([]);
  });
});
