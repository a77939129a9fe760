import { once } from 'node:events';
import type { Server } from 'node:http';
import { Inject, type INestApplication, Injectable, Scope, type Type } from '@nestjs/common';
import { type AbstractHttpAdapter, NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { WsAdapter } from '@nestjs/platform-ws';
import { type OnGatewayConnection, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { BackendService, RateLimit, RateLimitModule, type RateLimitModuleOptions } from 'nestjs-floodgate';
import { io, type Socket } from 'socket.io-client';
import { WebSocket } from 'ws';
import { eventually } from '../../support/eventually.js';
import { expectNoUnhandled } from '../../support/unhandled.js';
import { rootOf } from './cells/cell.js';
import { Lines } from './lines.js';
import { SwitchedBackend } from './switched-backend.js';

/** Clients for which `handleConnection` was called. */
const greeted = { count: 0 };

class Chat implements OnGatewayConnection {
  handleConnection(): void {
    greeted.count += 1;
  }

  @SubscribeMessage('free')
  free(): object {
    return { event: 'free', data: 'free' };
  }
}

@WebSocketGateway()
class SocketIoChat extends Chat {}

@WebSocketGateway()
class WsChat extends Chat {}

/** Without a word about connections: what the module says holds all the same. */
@WebSocketGateway()
class SilentSocketIoChat {
  @SubscribeMessage('free')
  free(): object {
    return { event: 'free', data: 'free' };
  }
}

@WebSocketGateway()
class SilentWsChat {
  @SubscribeMessage('free')
  free(): object {
    return { event: 'free', data: 'free' };
  }
}

interface Client {
  /** Codes of the `exception` events that came. */
  readonly codes: readonly unknown[];
  readonly isOpen: () => boolean;
  /** Why the server ended the connection; `undefined` while it has not. */
  readonly ended: () => unknown;
  /** Sends a message that is free, and waits for its answer. */
  free(): Promise<void>;
  close(): void;
}

async function socketIoClient(url: string): Promise<Client> {
  const socket = io(url, { transports: ['websocket'], reconnection: false, forceNew: true });
  const codes: unknown[] = [];
  let reason: unknown;
  socket.on('exception', ({ code }: { code: unknown }) => codes.push(code));
  socket.on('disconnect', (why) => (reason = why));
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  return {
    codes,
    isOpen: () => socket.connected,
    ended: () => reason,
    free: () => new Promise((resolve) => socket.once('free', () => resolve()).emit('free', 1)),
    close: () => void socket.close(),
  };
}

async function wsClient(url: string): Promise<Client> {
  const socket = new WebSocket(url.replace('http', 'ws'));
  const codes: unknown[] = [];
  let reason: unknown;
  let answered = (): void => undefined;
  socket.on('message', (bytes: Buffer) => {
    const { event, data } = JSON.parse(bytes.toString()) as { event: string; data: { code: unknown } };
    if (event === 'exception') codes.push(data.code);
    else answered();
  });
  socket.on('close', (code) => (reason = code));
  await once(socket, 'open');
  return {
    codes,
    isOpen: () => socket.readyState === WebSocket.OPEN,
    ended: () => reason,
    free: () =>
      new Promise((resolve) => {
        answered = resolve;
        socket.send(JSON.stringify({ event: 'free', data: 1 }));
      }),
    close: () => socket.close(),
  };
}

interface Kind {
  readonly gateway: Type;
  readonly silent: Type;
  readonly adapter: () => AbstractHttpAdapter;
  readonly configure?: (app: INestApplication) => void;
  readonly connect: (url: string) => Promise<Client>;
  /** What a client reads that was refused. */
  readonly reason: unknown;
}

const withWs = (app: INestApplication): void => void app.useWebSocketAdapter(new WsAdapter(app));
const bySocketIo = { gateway: SocketIoChat, silent: SilentSocketIoChat, connect: socketIoClient };
const byWs = { gateway: WsChat, silent: SilentWsChat, connect: wsClient, configure: withWs, reason: 1013 };

const kinds: readonly (readonly [string, Kind])[] = [
  ['socket.io', { ...bySocketIo, adapter: () => new ExpressAdapter(), reason: 'io server disconnect' }],
  ['ws', { ...byWs, adapter: () => new ExpressAdapter() }],
  ['ws on Fastify', { ...byWs, adapter: () => new FastifyAdapter() }],
];

describe.each(kinds)('connections by %s', (_name, { gateway, silent, adapter, configure, connect, reason }) => {
  let app: INestApplication;
  let url: string;
  let clients: Client[];
  const lines = new Lines();

  const start = async (options: RateLimitModuleOptions, type: Type = gateway): Promise<void> => {
    const root = rootOf({ imports: [RateLimitModule.forRoot(options)], providers: [type] });
    app = await NestFactory.create(root, adapter(), { logger: lines, abortOnError: false });
    configure?.(app);
    await app.listen(0, '127.0.0.1');
    url = await app.getUrl();
  };
  const storm = async (count: number): Promise<void> => {
    clients.push(...(await Promise.all(Array.from({ length: count }, () => connect(url)))));
  };
  /** Sockets that the server has: one for each client, until it has heard that the client has gone. */
  const serverConnections = (): Promise<number> =>
    new Promise((resolve) => (app.getHttpServer() as Server).getConnections((_error, count) => resolve(count)));
  const open = (): readonly Client[] => clients.filter((client) => client.isOpen());
  const refused = (): readonly Client[] => clients.filter(({ codes }) => codes.length > 0);

  beforeEach(() => {
    clients = [];
    greeted.count = 0;
    lines.clear();
  });
  afterEach(async () => {
    for (const client of clients) client.close();
    await app.close();
  });

  it.each([true, false])('a storm of them is bounded by connect, with handleConnection or without: %s', (greets) =>
    expectNoUnhandled(async () => {
      await start({ policies: { connections: '20/d' }, connect: 'connections' }, greets ? gateway : silent);
      for (let wave = 0; wave < 3; wave += 1) await storm(50);
      await eventually(() => open().length === 20 && refused().length === 130);
      expect(greeted.count).toBe(greets ? 20 : 0);
      for (const client of refused()) {
        expect(client.codes).toEqual(['RATE_LIMITED']);
        await eventually(() => client.ended() === reason);
      }
      await Promise.all(open().map((client) => client.free()));
      expect(lines.errors).toEqual([]);
    }),
  );

  it.each([
    ['closed', 0, ['BACKEND_UNAVAILABLE']],
    ['open', 50, []],
    ['local', 20, ['RATE_LIMITED']],
  ] as const)('an outage with failure mode %s admits %d of 50, by one warning', (failureMode, admitted, codes) =>
    expectNoUnhandled(async () => {
      const backend = new SwitchedBackend();
      await start({
        backend,
        failureMode,
        policies: { connections: '20/d' },
        connect: 'connections',
        circuitBreaker: { failureThreshold: 3 },
      });
      backend.isOff = true;
      await storm(50);
      await eventually(() => open().length === admitted && refused().length === 50 - admitted);
      expect([...new Set(clients.flatMap((client) => client.codes))]).toEqual(codes);
      expect(greeted.count).toBe(admitted);
      expect(lines.warnings).toHaveLength(1);
      expect(lines.errors).toEqual([]);
    }),
  );

  it('under a concurrency policy hold a slot until the client has gone', () =>
    expectNoUnhandled(async () => {
      await start({
        policies: { sockets: { limit: 3, algorithm: 'concurrency', leaseTime: '1m' } },
        connect: 'sockets',
      });
      await storm(5);
      await eventually(() => open().length === 3 && refused().length === 2);
      open()[0]?.close();
      const free = async (): Promise<number | undefined> =>
        (await app.get(BackendService).peek('ip:127.0.0.1', 'sockets')).policies[0]?.remaining;
      await eventually(async () => (await free()) === 1);
      await storm(2);
      await eventually(() => open().length === 3 && refused().length === 3);
      for (const client of open()) client.close();
      await eventually(async () => (await free()) === 3);
      expect(lines.errors).toEqual([]);
    }));

  it('wait in a queue for a slot, and leave it when the client goes', () =>
    expectNoUnhandled(async () => {
      await start({
        policies: {
          sockets: { limit: 1, algorithm: 'concurrency', leaseTime: '1m', queue: { size: 5, maxWait: '20s' } },
        },
        connect: 'sockets',
      });
      await storm(1);
      await eventually(() => greeted.count === 1);
      await storm(2);
      const [first, second, third] = clients as [Client, Client, Client];
      expect(greeted.count).toBe(1);
      second.close();
      await eventually(async () => (await serverConnections()) === 2);
      first.close();
      await eventually(() => greeted.count === 2);
      expect(third.isOpen()).toBe(true);
      expect(refused()).toEqual([]);
      expect(lines.errors).toEqual([]);
    }));
});

/** Starts gateways of socket.io, and ends what was opened however the block ends. */
async function withSocketIo(
  providers: Type[],
  options: RateLimitModuleOptions,
  block: (open: (namespace?: string) => Socket, lines: Lines) => Promise<void>,
): Promise<void> {
  const lines = new Lines();
  const root = rootOf({ imports: [RateLimitModule.forRoot(options)], providers });
  const app = await NestFactory.create(root, { logger: lines, abortOnError: false });
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  const sockets: Socket[] = [];
  try {
    await expectNoUnhandled(() =>
      block((namespace = '') => {
        const socket = io(`${url}/${namespace}`, { forceNew: true, reconnection: false, transports: ['websocket'] });
        sockets.push(socket);
        return socket;
      }, lines),
    );
  } finally {
    for (const socket of sockets) socket.close();
    await app.close();
  }
}

const connected = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('connect', resolve));

describe('namespaces and rooms of socket.io', () => {
  @RateLimit({ name: 'class', rate: '100/m' })
  @WebSocketGateway({ namespace: 'news' })
  class News implements OnGatewayConnection {
    @RateLimit({ name: 'joining', rate: '2/m' })
    handleConnection(client: { join(room: string): void }): void {
      client.join('readers');
    }

    @RateLimit({ name: 'post', rate: '2/m' })
    @SubscribeMessage('post')
    post(client: { to(room: string): { emit(event: string, data: string): void } }, text: string): void {
      client.to('readers').emit('posted', text);
    }

    @SubscribeMessage('shout')
    shout(client: { to(room: string): { emit(event: string, data: string): void } }, text: string): void {
      client.to('readers').emit('posted', text);
    }
  }

  @WebSocketGateway({ namespace: 'other' })
  class Other {
    @SubscribeMessage('free')
    free(): string {
      return 'free';
    }
  }

  it('are limited apart, and who is refused stays in its room', () =>
    withSocketIo([News, Other], {}, async (open) => {
      const news = [open('news'), open('news'), open('news')] as const;
      const told = news.map((socket) => {
        const events: unknown[] = [];
        socket.onAny((event: string, data: unknown) => events.push(event === 'exception' ? data : [event, data]));
        return events;
      });
      await Promise.all(news.map(connected));
      await eventually(() => news.filter((socket) => socket.connected).length === 2);
      const refused = news.findIndex((socket) => !socket.connected);
      expect(told[refused]).toEqual([expect.objectContaining({ code: 'RATE_LIMITED' })]);
      const [writer, reader] = [0, 1, 2].filter((index) => index !== refused) as [number, number];

      for (let text = 0; text < 5; text += 1) news[writer]?.emit('post', `text ${text}`);
      await eventually(() => told[writer]?.length === 3 && told[reader]?.length === 2);
      expect(told[reader]).toEqual([
        ['posted', 'text 0'],
        ['posted', 'text 1'],
      ]);
      news[reader]?.emit('shout', 'still here?');
      await eventually(() => told[writer]?.length === 4);
      expect(told[writer]?.[3]).toEqual(['posted', 'still here?']);

      const other = open('other');
      await connected(other);
      expect(await other.emitWithAck('free', 1)).toBe('free');
    }));
});

describe('request-scoped gateways', () => {
  @Injectable({ scope: Scope.REQUEST })
  class PerRequest {}

  @WebSocketGateway()
  class ScopedChat {
    constructor(@Inject(PerRequest) readonly perRequest: PerRequest) {}

    @RateLimit({ name: 'chat', rate: '2/m' })
    @SubscribeMessage('chat')
    chat(): string {
      return 'chat';
    }
  }

  it('are limited as others are', () =>
    withSocketIo([PerRequest, ScopedChat], {}, async (open, lines) => {
      const socket = open();
      await connected(socket);
      const answers: unknown[] = [];
      for (let call = 0; call < 4; call += 1) answers.push(await socket.timeout(3_000).emitWithAck('chat', 1));
      expect(answers).toEqual([
        'chat',
        'chat',
        ...Array.from({ length: 2 }, () => expect.objectContaining({ code: 'RATE_LIMITED' }) as unknown),
      ]);
      expect(lines.errors).toEqual([]);
    }));
});
