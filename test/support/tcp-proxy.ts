import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { freePort } from './free-port.js';
import { ProxiedConnection, type ConnectionContext } from './proxied-connection.js';
import type { Passage } from './proxied-flow.js';

const HOST = '127.0.0.1';
const START_ATTEMPTS = 5;

/**
 * What the way to the target is like.
 *
 * - `pass`: open.
 * - `stall`: a partition that heals. Connections are accepted and stay open; bytes wait, and arrive after the next `pass`.
 * - `blackhole`: a host that vanished. Connections are accepted and stay open; bytes are lost. Connections that lost any
 *   are reset when the mode changes, as a host does that comes back without memory of them.
 * - `reset`: every connection, present and new, is reset (RST).
 * - `refuse`: nothing listens: new connections are refused, present ones go on.
 */
export type ProxyMode = 'pass' | 'stall' | 'blackhole' | 'reset' | 'refuse';

export interface TcpProxyOptions {
  /** Where to; a `RedisServer` is a target. */
  readonly target: { readonly port: number; readonly host?: string };
  /** Default `pass`. */
  readonly mode?: ProxyMode;
  /** Delay of all bytes, each way, in ms. Default 0. */
  readonly latencyMs?: number;
}

/** A TCP proxy on a port of 127.0.0.1, the same for its whole life, whose way to the target a test can break and mend. */
export class TcpProxy implements ConnectionContext, AsyncDisposable {
  readonly host = HOST;
  /** Delay of all bytes, each way, in ms, from now on. */
  latencyMs: number;
  /** Connections accepted so far. */
  connections = 0;
  /** Bytes received from clients so far, whatever became of them. */
  bytesFromClients = 0;
  /** Bytes received from the target so far. */
  bytesFromTarget = 0;
  readonly target: { readonly port: number; readonly host: string };
  readonly #open = new Set<ProxiedConnection>();
  #server: Server | undefined;
  #mode: ProxyMode;

  private constructor(
    readonly port: number,
    { target, mode = 'pass', latencyMs = 0 }: TcpProxyOptions,
  ) {
    this.target = { port: target.port, host: target.host ?? HOST };
    this.#mode = mode;
    this.latencyMs = latencyMs;
  }

  /** Starts a proxy on a free port; in mode `refuse`, it only has the port. */
  static async start(options: TcpProxyOptions): Promise<TcpProxy> {
    for (let attempt = 1; ; attempt++) {
      const proxy = new TcpProxy(await freePort(), options);
      try {
        if (proxy.mode !== 'refuse') await proxy.#listen();
        return proxy;
      } catch (error) {
        if (attempt === START_ATTEMPTS) throw error;
      }
    }
  }

  get mode(): ProxyMode {
    return this.#mode;
  }

  /** What becomes of bytes in the present mode. */
  get passage(): Passage {
    switch (this.#mode) {
      case 'pass':
      case 'refuse':
        return 'open';
      case 'stall':
        return 'held';
      case 'blackhole':
      case 'reset':
        return 'lost';
    }
  }

  /** Connections that are open now. */
  get openConnections(): number {
    return this.#open.size;
  }

  /** Bytes that were received and are still to be delivered, both ways. */
  get bytesUnderWay(): number {
    return [...this.#open].reduce((sum, { bytesUnderWay }) => sum + bytesUnderWay, 0);
  }

  /** `redis://127.0.0.1:<port>` */
  get url(): string {
    return `redis://${HOST}:${this.port}`;
  }

  /** Changes the mode, for present connections and for new ones. Resolves when it is in force. */
  async setMode(mode: ProxyMode): Promise<void> {
    this.#mode = mode;
    if (mode === 'refuse') this.#unlisten();
    else await this.#listen();
    for (const connection of this.#open) {
      if (mode === 'reset') connection.reset();
      else connection.update();
    }
  }

  /** Resets every connection and stops listening. Harmless when it has stopped already. */
  async stop(): Promise<void> {
    this.#unlisten();
    const closing = [...this.#open].map((connection) => connection.closed);
    this.#open.forEach((connection) => connection.reset());
    await Promise.all(closing);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #listen(): Promise<void> {
    if (this.#server) return;
    const server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
    server.listen(this.port, HOST);
    await once(server, 'listening');
    this.#server = server;
  }

  /** Takes effect at once; the server's own `close` event would come with the end of its last connection. */
  #unlisten(): void {
    this.#server?.close();
    this.#server = undefined;
  }

  #accept(client: Socket): void {
    this.connections++;
    const connection = new ProxiedConnection(client, this);
    this.#open.add(connection);
    void connection.closed.then(() => this.#open.delete(connection));
    if (this.#mode === 'reset') connection.reset();
  }
}
