import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type INestApplication, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type NestExpressApplication } from '@nestjs/platform-express';
import { WsAdapter } from '@nestjs/platform-ws';
import {
  ConnectedSocket,
  MessageBody,
  type OnGatewayConnection,
  SubscribeMessage,
  WebSocketGateway,
} from '@nestjs/websockets';
import { CircuitBreaker, type Decision, RateLimit, RateLimitDecision, RateLimitModule } from 'nestjs-floodgate';
import { io, type Socket } from 'socket.io-client';
import { WebSocket } from 'ws';
import { expectNoUnhandled } from '../../support/unhandled.js';
import { Lines } from './lines.js';
import { SwitchedBackend } from './switched-backend.js';

/** Clients whose `handleConnection` was called. */
const connections = { count: 0 };

class ChatHandlers implements OnGatewayConnection {
  @RateLimit('connecting')
  handleConnection(): void {
    connections.count += 1;
  }

  @RateLimit({ name: 'chat', rate: '5/m' })
  @SubscribeMessage('chat')
  chat(@MessageBody() text: string, @RateLimitDecision() decision: Decision): object {
    return { event: 'chat', data: { text, remaining: decision.policies[0]?.remaining } };
  }

  @RateLimit({ name: 'ask', rate: '1/m' })
  @SubscribeMessage('ask')
  ask(@MessageBody() question: unknown): unknown {
    return { answer: question };
  }

  @CircuitBreaker({ name: 'partner', failureThreshold: 1 })
  @SubscribeMessage('partner')
  partner(@ConnectedSocket() _client: unknown): never {
    throw new Error('down');
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
  readonly backend: SwitchedBackend;
  readonly lines: Lines;
}

async function startChat(gateway: Type, configure: (app: INestApplication) => void): Promise<ChatApp> {
  const backend = new SwitchedBackend();
  const lines = new Lines();
  @Module({
    imports: [
      RateLimitModule.forRoot({
        backend,
        policies: { connecting: '20/m', everywhere: '1/m' },
        apply: ['everywhere'],
        circuitBreaker: { failureThreshold: 3 },
      }),
    ],
    providers: [gateway],
  })
  class ChatModule {}
  const app = await NestFactory.create<NestExpressApplication>(ChatModule, { logger: lines, abortOnError: false });
  app.set('trust proxy', true);
  configure(app);
  await app.listen(0, '127.0.0.1');
  const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
  return { app, port, backend, lines };
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

async function socketIoClient(port: number, address: string): Promise<Client & { readonly socket: Socket }> {
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
    socket,
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

describe.each(kinds)('a gateway on %s', (kind, gateway, configure, connect) => {
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

  it('admits exactly the limit of parallel messages, tells of the others, and stays open', () =>
    expectNoUnhandled(async () => {
      const one = await client('192.0.2.1');
      for (let index = 0; index < 50; index += 1) one.send('chat', `text ${index}`);
      await one.count(50);
      const answers = eventsOf(one, 'chat') as { remaining: number }[];
      expect(answers.map(({ remaining }) => remaining).sort()).toEqual([0, 1, 2, 3, 4]);
      const refusals = eventsOf(one, 'exception') as { retryAfterMs: number }[];
      expect(refusals).toHaveLength(45);
      for (const refusal of refusals) {
        expect(refusal).toEqual({
          status: 'error',
          code: 'RATE_LIMITED',
          message: 'Too Many Requests',
          retryAfterMs: expect.any(Number) as unknown,
        });
        expect(refusal.retryAfterMs).toBeGreaterThan(0);
      }
      one.send('free', 1);
      await one.count(51);
      expect(eventsOf(one, 'free')).toEqual(['free']);
      expect(chat.lines.errors).toEqual([]);
    }));

  it('counts the clients behind a proxy apart, by the setting of the HTTP adapter', async () => {
    const one = await client('192.0.2.2');
    one.send('chat', 'text');
    await one.count(1);
    expect(eventsOf(one, 'chat')).toEqual([{ text: 'text', remaining: 4 }]);
  });

  it('does not count messages by what the module applies', async () => {
    const one = await client('192.0.2.3');
    for (let index = 0; index < 3; index += 1) one.send('free', 1);
    await one.count(3);
    expect(eventsOf(one, 'exception')).toEqual([]);
  });

  it('tells of an open circuit as of an outage', async () => {
    const one = await client('192.0.2.4');
    one.send('partner', 1);
    await one.count(1);
    one.send('partner', 1);
    await one.count(2);
    expect(eventsOf(one, 'exception')[1]).toEqual({
      status: 'error',
      code: 'CIRCUIT_OPEN',
      message: 'Service Unavailable',
      retryAfterMs: expect.any(Number) as unknown,
    });
    chat.lines.errors.length = 0;
  });

  it('refuses connections above the limit, and closes them', async () => {
    const before = connections.count;
    const all = await Promise.all(Array.from({ length: 25 }, () => client('192.0.2.5')));
    await Promise.race(all.map(({ closed }) => closed));
    const refused = all.slice(20);
    await Promise.all(refused.map(({ closed }) => closed));
    expect(connections.count - before).toBe(20);
    for (const one of refused) {
      expect(eventsOf(one, 'exception')).toEqual([expect.objectContaining({ code: 'RATE_LIMITED' })]);
    }
  });

  if (kind === 'socket.io') {
    it('answers the acknowledgement that a client asked for', async () => {
      const { socket, ...one } = await socketIoClient(chat.port, '192.0.2.7');
      expect(await socket.emitWithAck('ask', 'why')).toEqual({ answer: 'why' });
      expect(await socket.emitWithAck('ask', 'why')).toMatchObject({ status: 'error', code: 'RATE_LIMITED' });
      one.close();
      await one.closed;
    });
  }

  it('tells of an outage, with one line in the log for all messages', async () => {
    const one = await client('192.0.2.6');
    chat.lines.warnings.length = 0;
    chat.backend.isOff = true;
    for (let index = 0; index < 1_000; index += 1) one.send('chat', 'text');
    await one.count(1_000);
    chat.backend.isOff = false;
    expect(eventsOf(one, 'exception')[999]).toEqual({
      status: 'error',
      code: 'BACKEND_UNAVAILABLE',
      message: 'Service Unavailable',
      retryAfterMs: expect.any(Number) as unknown,
    });
    expect(chat.lines.errors).toEqual([]);
    expect(chat.lines.warnings).toHaveLength(1);
  });
});
