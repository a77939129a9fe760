import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort } from './free-port.js';
import { ServerProcess } from './server-process.js';

const HOST = '127.0.0.1';
const START_ATTEMPTS = 5;
const POLL_MS = 10;
const COMMAND_TIMEOUT_MS = 30_000;
const INSTALL =
  'redis-server was not found: install it (apt-get install redis-server, brew install redis), or name it in REDIS_SERVER_BIN.';

/** How far a start waits: until the server answers at all, or until it has loaded its data and serves. */
export type Readiness = 'answering' | 'serving';

export interface RedisServerOptions {
  /** Default: a free one. */
  readonly port?: number;
  /** More of the command line, such as `['--maxmemory', '2mb']`. Stands above the configuration file. */
  readonly args?: readonly string[];
  /** More lines of the configuration file: for what the server rewrites itself. */
  readonly config?: readonly string[];
  readonly password?: string;
  /** The master that this server replicates. */
  readonly replicaOf?: { readonly port: number; readonly host?: string };
  /** Default `serving`. */
  readonly waitFor?: Readiness;
  /** Longest wait until it is ready, in ms. Default 15,000. */
  readonly startTimeoutMs?: number;
}

/**
 * A real redis-server on 127.0.0.1 that keeps nothing on disk unless asked, and never outlives this process.
 *
 * @example
 * await using redis = await RedisServer.start();
 * await redis.kill();    // as `kill -9`
 * await redis.restart(); // the same port, empty
 */
export class RedisServer implements AsyncDisposable {
  readonly host = HOST;
  #process: ServerProcess | undefined;
  #client: Redis | undefined;

  private constructor(
    readonly port: number,
    private readonly directory: string,
    private readonly options: RedisServerOptions,
  ) {}

  /**
   * Starts a server and waits until it is ready.
   *
   * @throws Error that ends with the server's log when it does not get ready
   */
  static async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    for (let attempt = 1; ; attempt++) {
      const directory = await mkdtemp(join(tmpdir(), 'floodgate-redis-'));
      const server = new RedisServer(options.port ?? (await freePort()), directory, options);
      try {
        await writeFile(join(directory, 'redis.conf'), configuration(options));
        await server.#spawn(options.waitFor);
        return server;
      } catch (error) {
        await server.stop();
        const lostThePort = error instanceof PortTakenError && options.port === undefined;
        if (!lostThePort || attempt === START_ATTEMPTS) throw error;
      }
    }
  }

  get url(): string {
    const { password } = this.options;
    return `redis://${password === undefined ? '' : `:${encodeURIComponent(password)}@`}${HOST}:${this.port}`;
  }

  /** The process id of the running server; -1 when none runs. */
  get pid(): number {
    return this.running ? this.#process!.pid : -1;
  }

  get running(): boolean {
    return this.#process?.running ?? false;
  }

  /** The last lines of its log. */
  get logTail(): string {
    return this.#process?.logTail ?? '';
  }

  /** Sends one command, on a connection of the fixture's own, and answers the server's reply as it is. Waits at most 5 s. */
  async exec(command: string, ...args: readonly (string | number)[]): Promise<unknown> {
    this.#client ??= connect(this.port, this.options.password);
    try {
      return await this.#client.call(command, ...args);
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'ReplyError') this.#disconnect();
      throw error;
    }
  }

  /** `kill -9`: its connections are cut, what it held is gone, its port refuses. */
  async kill(): Promise<void> {
    this.#disconnect();
    await this.#process?.kill();
  }

  /** SIGSTOP: its port accepts and its connections stay open, and it answers nothing. */
  freeze(): void {
    this.#process?.freeze();
  }

  /** SIGCONT: it answers what has piled up. */
  thaw(): void {
    this.#process?.thaw();
  }

  /** Ends it if it runs, and starts it with the same options on the same port. */
  async restart(options: { readonly waitFor?: Readiness } = {}): Promise<void> {
    this.#disconnect();
    await this.#process?.terminate();
    await this.#spawn(options.waitFor);
  }

  /** Ends it, frozen or not, and removes its files. Harmless when it has ended already. */
  async stop(): Promise<void> {
    await this.kill();
    await rm(this.directory, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /**
   * Waits until the server answers, or serves.
   *
   * @throws Error that ends with the server's log when it dies, or is not ready in time
   */
  async waitReady(readiness: Readiness = 'serving'): Promise<void> {
    const { startTimeoutMs = 15_000 } = this.options;
    const deadline = performance.now() + startTimeoutMs;
    while (performance.now() < deadline) {
      this.#throwIfDead();
      if (await this.#isReady(readiness)) return;
      await delay(POLL_MS);
    }
    throw new Error(
      `redis-server on port ${this.port} is not ${readiness} after ${startTimeoutMs} ms:\n${this.logTail}`,
    );
  }

  /** Calls of each command since the start, or since `resetStats`: `{ evalsha: 3, info: 1 }`. */
  async commandStats(): Promise<Record<string, number>> {
    const stats = String(await this.exec('INFO', 'commandstats'));
    return Object.fromEntries(
      [...stats.matchAll(/^cmdstat_(\S+?):calls=(\d+)/gm)].map(([, name, calls]) => [name, Number(calls)]),
    );
  }

  /** Starts the counts of `commandStats` over. */
  async resetStats(): Promise<void> {
    await this.exec('CONFIG', 'RESETSTAT');
  }

  async dbsize(): Promise<number> {
    return Number(await this.exec('DBSIZE'));
  }

  /** Every key of the database, sorted. */
  async keys(): Promise<string[]> {
    const keys = new Set<string>();
    let cursor = '0';
    do {
      const [next, page] = (await this.exec('SCAN', cursor, 'COUNT', 1_000)) as [string, string[]];
      page.forEach((key) => keys.add(key));
      cursor = next;
    } while (cursor !== '0');
    return [...keys].sort();
  }

  /** The keys that would stay for ever. */
  async keysWithoutExpiry(): Promise<string[]> {
    const keys = await this.keys();
    const expiries = await Promise.all(keys.map((key) => this.exec('PTTL', key)));
    return keys.filter((_, index) => expiries[index] === -1);
  }

  async #spawn(readiness?: Readiness): Promise<void> {
    this.#process = await ServerProcess.spawn({
      command: process.env['REDIS_SERVER_BIN'] ?? 'redis-server',
      args: [join(this.directory, 'redis.conf'), '--port', String(this.port), ...(this.options.args ?? [])],
      directory: this.directory,
    });
    await this.waitReady(readiness);
  }

  /** Asks for the process id, too: another server may hold the port while ours has yet to fail on it. */
  async #isReady(readiness: Readiness): Promise<boolean> {
    try {
      const info = String(await this.exec('INFO'));
      const isOurs = new RegExp(`^process_id:${this.pid}\\r?$`, 'm').test(info);
      return isOurs && (readiness === 'answering' || !/^loading:1/m.test(info));
    } catch {
      return false;
    }
  }

  #throwIfDead(): void {
    if (this.running) return;
    if (this.#process?.missing) throw new Error(INSTALL);
    const message = `redis-server on port ${this.port} ended at its start:\n${this.logTail}`;
    throw this.logTail.includes('Address already in use') ? new PortTakenError(message) : new Error(message);
  }

  #disconnect(): void {
    this.#client?.disconnect();
    this.#client = undefined;
  }
}

class PortTakenError extends Error {}

function configuration({ config = [], password, replicaOf }: RedisServerOptions): string {
  const lines = [`bind ${HOST}`, 'daemonize no', 'save ""', 'appendonly no', 'repl-diskless-sync-delay 0'];
  if (password !== undefined) lines.push(`requirepass "${password}"`, `masterauth "${password}"`);
  if (replicaOf) lines.push(`replicaof ${replicaOf.host ?? HOST} ${replicaOf.port}`);
  return [...lines, ...config, ''].join('\n');
}

/** One connection, which fails at once where it could wait or try again. */
function connect(port: number, password?: string): Redis {
  const client = new Redis({
    host: HOST,
    port,
    ...(password === undefined ? {} : { password }),
    connectTimeout: COMMAND_TIMEOUT_MS,
    disconnectTimeout: 0,
    commandTimeout: COMMAND_TIMEOUT_MS,
    enableReadyCheck: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  client.on('error', () => undefined);
  return client;
}
