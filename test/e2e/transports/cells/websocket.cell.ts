import { once } from 'node:events';
import type { INestApplication, Type } from '@nestjs/common';
import { type AbstractHttpAdapter, NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { WsAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { io, type Socket } from 'socket.io-client';
import { WebSocket } from 'ws';
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

class Handlers {
  /** An event of its own. */
  protected said(name: HandlerName): unknown {
    return { event: 'said', data: name };
  }

  @Limited('ask')
  @SubscribeMessage('ask')
  ask(): unknown {
    return this.said('ask');
  }

  @SubscribeMessage('free')
  free(): unknown {
    return this.said('free');
  }

  @Limited('event')
  @SubscribeMessage('event')
  event(): void {
    heard.events += 1;
  }

  @Guarded()
  @SubscribeMessage('partner')
  partner(): Promise<unknown> {
    return fail();
  }
}

@WebSocketGateway()
class Gateway extends Handlers {}

/** Of a client that asks for an acknowledgement, the answer is that. */
@WebSocketGateway()
class AcknowledgingGateway extends Handlers {
  protected override said(name: HandlerName): unknown {
    return name;
  }
}

/** Messages that came and were not read yet: answers of handlers, and exceptions. */
class Inbox {
  private readonly told: Told[] = [];
  private wake = (): void => undefined;

  add(event: string, data: unknown): void {
    this.told.push(event === 'exception' ? readErrorObject(data as object) : (data as HandlerName));
    this.wake();
  }

  async take(count: number): Promise<Told[]> {
    while (this.told.length < count) await new Promise<void>((resolve) => (this.wake = resolve));
    return this.told.splice(0, count);
  }

  drop(): void {
    this.told.length = 0;
  }
}

/** What is sent over one socket. A message that is answered after others shows that those were read. */
abstract class SocketClient implements Client {
  protected readonly inbox = new Inbox();
  protected ends = 0;

  abstract close(): Promise<void>;
  protected abstract send(event: string): void;

  call(handlers: readonly HandlerName[]): Promise<Told[]> {
    for (const handler of handlers) this.send(handler);
    return this.inbox.take(handlers.length);
  }

  async emit(events: number): Promise<void> {
    for (let event = 0; event < events; event += 1) this.send('event');
    this.send('free');
    let last: Told | undefined;
    while (last !== 'free') [last] = await this.inbox.take(1);
  }

  lost(): number {
    return this.ends;
  }
}

class SocketIoClient extends SocketClient {
  constructor(protected readonly socket: Socket) {
    super();
    socket.onAny((event: string, data: unknown) => this.inbox.add(event, data));
    socket.on('disconnect', () => (this.ends += 1));
  }

  static async connect<T extends SocketIoClient>(this: new (socket: Socket) => T, url: string): Promise<T> {
    const socket = io(url, { transports: ['websocket'], reconnection: false });
    const client = new this(socket);
    await new Promise<void>((resolve) => socket.once('connect', resolve));
    return client;
  }

  async close(): Promise<void> {
    this.socket.close();
  }

  protected send(event: string): void {
    this.socket.emit(event, {});
  }
}

class AcknowledgedClient extends SocketIoClient {
  override async call(handlers: readonly HandlerName[]): Promise<Told[]> {
    const told = await Promise.all(handlers.map((handler) => this.ask(handler)));
    this.inbox.drop();
    return told;
  }

  override async emit(events: number): Promise<void> {
    for (let event = 0; event < events; event += 1) this.send('event');
    await this.call(['free']);
  }

  private async ask(handler: HandlerName): Promise<Told> {
    const answer = (await this.socket.emitWithAck(handler, {})) as HandlerName | object;
    return typeof answer === 'string' ? answer : readErrorObject(answer);
  }
}

class WsClient extends SocketClient {
  private constructor(private readonly socket: WebSocket) {
    super();
    socket.on('message', (bytes: Buffer) => {
      const { event, data } = JSON.parse(bytes.toString()) as { event: string; data: unknown };
      this.inbox.add(event, data);
    });
    socket.on('close', () => (this.ends += 1));
  }

  static async connect(url: string): Promise<WsClient> {
    const socket = new WebSocket(url.replace('http', 'ws'));
    await once(socket, 'open');
    return new WsClient(socket);
  }

  async close(): Promise<void> {
    this.socket.close();
    await once(this.socket, 'close');
  }

  protected send(event: string): void {
    this.socket.send(JSON.stringify({ event, data: {} }));
  }
}

interface Kind {
  readonly gateway: Type;
  readonly adapter: () => AbstractHttpAdapter;
  readonly configure?: (app: INestApplication) => void;
  readonly connect: (url: string) => Promise<Client>;
}

const cellOf = (name: string, { gateway, adapter, configure, connect }: Kind): Cell => ({
  name,
  circuitCode: 'CIRCUIT_OPEN',
  async start(limits, logger) {
    const root = rootOf({ imports: [limits], providers: [gateway] });
    const app = await NestFactory.create(root, adapter(), { logger, abortOnError: false });
    configure?.(app);
    await app.listen(0, '127.0.0.1');
    return { app, client: await connect(await app.getUrl()) };
  },
});

const express = (): AbstractHttpAdapter => new ExpressAdapter();
const fastify = (): AbstractHttpAdapter => new FastifyAdapter();
const withWs = (app: INestApplication): void => void app.useWebSocketAdapter(new WsAdapter(app));
const bySocketIo = (url: string): Promise<Client> => SocketIoClient.connect(url);
const acknowledged = (url: string): Promise<Client> => AcknowledgedClient.connect(url);
const byWs = (url: string): Promise<Client> => WsClient.connect(url);

export const webSocketCells: readonly Cell[] = [
  cellOf('socket.io', { gateway: Gateway, adapter: express, connect: bySocketIo }),
  cellOf('socket.io on Fastify', { gateway: Gateway, adapter: fastify, connect: bySocketIo }),
  cellOf('socket.io with acknowledgements', { gateway: AcknowledgingGateway, adapter: express, connect: acknowledged }),
  cellOf('ws', { gateway: Gateway, adapter: express, configure: withWs, connect: byWs }),
  cellOf('ws on Fastify', { gateway: Gateway, adapter: fastify, configure: withWs, connect: byWs }),
];
