import { untilAborted } from '../../contracts/until-aborted.js';
import type { CommandingClient } from './node-redis-client.js';
import { RedisDisconnectedError } from './readiness.js';
import { UnsentCommands } from './unsent-commands.js';

/** A connection was made: by a client, to a node of a Cluster, to a new master of a Sentinel. */
const MADE = ['ready', 'node-ready', 'topology-change'];

/** A connection was lost, or could not be made. */
const FAILED = ['error', 'node-error', 'client-error'];

/** The application closed the client. */
const CLOSED = ['end', 'disconnect'];

const connections = new WeakMap<CommandingClient, NodeRedisConnection>();

/**
 * Tracks the connection of a node-redis client.
 *
 * There is one for each client, with one listener for each event, even if several backends share the client. It also
 * listens for `error`, because node-redis ends a process without such a listener.
 */
export class NodeRedisConnection {
  private readonly listeners = new Set<() => void>();
  private readonly waiting = new Set<(error?: Error) => void>();
  private unsent = new UnsentCommands();
  private lastError: Error | undefined;
  /** Whether the last connection attempt failed and no other has started. */
  private isDown = false;
  private isClosed = false;

  static of(client: CommandingClient): NodeRedisConnection {
    const connection = connections.get(client) ?? new NodeRedisConnection(client);
    connections.set(client, connection);
    return connection;
  }

  private constructor(private readonly client: CommandingClient) {
    for (const event of MADE) client.on(event, this.made);
    for (const event of FAILED) client.on(event, this.failed);
    for (const event of CLOSED) client.on(event, this.closed);
    client.on('connect', this.attempted);
    client.on('reconnecting', this.attempted);
  }

  /** Whether commands can be sent now. A pool, and a Cluster that knows its nodes, always accept them. */
  get isReady(): boolean {
    const { isReady, isOpen, masters } = this.client;
    return isReady ?? (isOpen && masters?.length !== 0);
  }

  /** Whether the client waits for `connect()`. A client that the application closed does not. */
  get isIdle(): boolean {
    return !this.client.isOpen && !this.isClosed;
  }

  /** Aborts when a connection is lost: commands that were not sent by then are dropped. */
  get signal(): UnsentCommands {
    return this.unsent;
  }

  onMade(listener: () => void): () => void {
    // A new function for each call, so that the same listener can be added and removed twice.
    const tell = (): void => listener();
    this.listeners.add(tell);
    return () => void this.listeners.delete(tell);
  }

  /**
   * Resolves as soon as commands can be sent. Connects a client that waits for `connect()`.
   *
   * @throws RedisDisconnectedError if the connection is down and no attempt is under way, or as soon as it has failed
   * @throws the signal's reason when it aborts
   */
  async wait(signal: AbortSignal): Promise<void> {
    if (this.isReady) return;
    if (this.isIdle) this.connect();
    else if (this.isDown || this.isClosed) throw this.disconnected();
    await this.next(signal);
  }

  private connect(): void {
    this.isDown = false;
    this.client.connect().then(this.connected, this.failed);
  }

  private async next(signal: AbortSignal): Promise<void> {
    let settle: (error?: Error) => void = () => undefined;
    const attempt = new Promise<void>((resolve, reject) => {
      settle = (error) => (error === undefined ? resolve() : reject(error));
    });
    this.waiting.add(settle);
    try {
      await untilAborted(attempt, signal);
    } finally {
      this.waiting.delete(settle);
    }
  }

  private disconnected(): RedisDisconnectedError {
    return new RedisDisconnectedError(this.isClosed ? 'closed' : 'disconnected', this.lastError);
  }

  private readonly attempted = (): void => {
    this.isDown = false;
    this.isClosed = false;
    if (this.isReady) this.connected();
  };

  private readonly made = (): void => {
    this.attempted();
    this.listeners.forEach((tell) => tell());
  };

  private readonly connected = (): void => this.waiting.forEach((settle) => settle());

  private readonly failed = (error?: unknown): void => {
    // By its structure: a test runner may have another `Error` class than Node, and a Sentinel also emits texts.
    this.lastError = typeof error === 'object' && error !== null ? (error as Error) : undefined;
    const { unsent } = this;
    this.unsent = new UnsentCommands();
    unsent.abort();
    if (!this.isReady) this.giveUp();
  };

  private readonly closed = (): void => {
    this.isClosed = true;
    this.giveUp();
  };

  private giveUp(): void {
    this.isDown = true;
    const error = this.disconnected();
    this.waiting.forEach((settle) => settle(error));
  }
}
