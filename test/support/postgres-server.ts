import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { freePort } from './free-port.js';
import { copyCluster, newCluster, ownerOfServers, program, USER } from './postgres-cluster.js';
import { childrenOf } from './process-tree.js';
import { ServerProcess } from './server-process.js';

const HOST = '127.0.0.1';
const START_ATTEMPTS = 5;
const START_TIMEOUT_MS = 30_000;
const POLL_MS = 20;
const COMMAND_TIMEOUT_MS = 10_000;

/** A server for tests: small, on TCP alone, and in no hurry to be safe from a power cut. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: HOST,
  unix_socket_directories: '',
  fsync: 'off',
  shared_buffers: '16MB',
  max_connections: '60',
  max_wal_senders: '2',
  autovacuum_naptime: '1s',
};

export interface PostgresServerOptions {
  /** More settings, such as `{ max_connections: '10' }`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** The server that this one is a standby of: a copy of it that follows it and can only be read. */
  readonly standbyOf?: PostgresServer;
}

/**
 * A real PostgreSQL on 127.0.0.1 with a cluster of its own, which never outlives this process.
 *
 * @example
 * await using postgres = await PostgresServer.start();
 * await postgres.crash();   // its port refuses
 * await postgres.restart(); // the same port; unlogged tables are empty
 */
export class PostgresServer implements AsyncDisposable {
  readonly host = HOST;
  readonly user = USER;
  #process: ServerProcess | undefined;
  #pool: pg.Pool | undefined;
  #frozen: readonly number[] = [];

  private constructor(
    public port: number,
    private readonly directory: string,
    private readonly settings: Readonly<Record<string, string>>,
  ) {}

  /**
   * Makes a cluster, starts its server and waits until it serves.
   *
   * @throws Error that ends with the server's log when it does not
   */
  static async start({ settings = {}, standbyOf }: PostgresServerOptions = {}): Promise<PostgresServer> {
    const directory = await mkdtemp(join(tmpdir(), 'floodgate-postgres-'));
    const owner = ownerOfServers();
    if (owner !== undefined) await chown(directory, owner.uid, owner.gid);
    try {
      await (standbyOf === undefined ? newCluster(directory) : copyCluster(standbyOf.url, directory));
      for (let attempt = 1; ; attempt += 1) {
        const server = new PostgresServer(await freePort(), directory, { ...SETTINGS, ...settings });
        try {
          await server.#spawn();
          return server;
        } catch (error) {
          await server.#end();
          if (attempt === START_ATTEMPTS || !server.logTail.includes('Address already in use')) throw error;
        }
      }
    } catch (error) {
      await rm(directory, { recursive: true, force: true });
      throw error;
    }
  }

  /** `postgres://floodgate@127.0.0.1:<port>/postgres`: a superuser. */
  get url(): string {
    return this.urlOf(USER);
  }

  /** The same for another role or database. */
  urlOf(user: string, database = 'postgres'): string {
    return `postgres://${user}@${HOST}:${this.port}/${database}`;
  }

  /** Who its processes run as, where that is somebody else: nobody may run them as root. */
  get owner(): { readonly uid: number; readonly gid: number } | undefined {
    return ownerOfServers();
  }

  /** The last lines of its log. */
  get logTail(): string {
    return this.#process?.logTail ?? '';
  }

  /** Runs SQL on a connection of the fixture's own, and answers its rows. Waits at most 10 s. */
  async exec<Row extends pg.QueryResultRow = pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<Row[]> {
    this.#pool ??= this.#connected();
    const { rows } = await this.#pool.query<Row>(sql, values);
    return rows;
  }

  /** Ends as in a crash: its connections are cut, its port refuses. */
  async crash(): Promise<void> {
    await this.#disconnect();
    await this.#end();
  }

  /** SIGSTOP, for all of its processes: its port accepts, its connections stay open, and it answers nothing. */
  freeze(): void {
    const pid = this.#process?.pid ?? -1;
    process.kill(pid, 'SIGSTOP');
    // No new one comes from now on.
    this.#frozen = [pid, ...childrenOf(pid)];
    this.#frozen.forEach((one) => process.kill(one, 'SIGSTOP'));
  }

  /** SIGCONT: it answers what has piled up. */
  thaw(): void {
    for (const pid of this.#frozen) {
      try {
        process.kill(pid, 'SIGCONT');
      } catch {
        // It has ended since.
      }
    }
    this.#frozen = [];
  }

  /** Ends it if it runs, and starts it with the same settings: on the same port, or from now on on another. */
  async restart(port = this.port): Promise<void> {
    await this.crash();
    this.port = port;
    await this.#spawn();
  }

  /** Ends it, frozen or not, and removes its cluster. */
  async stop(): Promise<void> {
    await this.crash();
    await rm(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #spawn(): Promise<void> {
    const settings = Object.entries(this.settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    this.#process = await ServerProcess.spawn({
      command: program('postgres'),
      args: ['-D', join(this.directory, 'data'), '-p', String(this.port), ...settings],
      directory: this.directory,
      owner: ownerOfServers(),
    });
    await this.#ready();
  }

  async #ready(): Promise<void> {
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (performance.now() < deadline && this.#process?.running === true) {
      if (await this.#serves()) return;
      await delay(POLL_MS);
    }
    throw new Error(`PostgreSQL on port ${this.port} did not start:\n${this.logTail}`);
  }

  /** Asks for its cluster, too: another server may hold the port while ours has yet to fail on it. */
  async #serves(): Promise<boolean> {
    const client = new pg.Client({ connectionString: this.url, connectionTimeoutMillis: 2_000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      const { rows } = await client.query<{ data_directory: string }>('SHOW data_directory');
      return rows[0]?.data_directory === join(this.directory, 'data');
    } catch {
      return false;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /** As in a crash, but for its children, which it takes along. */
  async #end(): Promise<void> {
    this.thaw();
    await this.#process?.quit();
  }

  #connected(): pg.Pool {
    const pool = new pg.Pool({ connectionString: this.url, max: 3, query_timeout: COMMAND_TIMEOUT_MS });
    pool.on('error', () => undefined);
    return pool;
  }

  async #disconnect(): Promise<void> {
    const pool = this.#pool;
    this.#pool = undefined;
    this.thaw();
    await pool?.end();
  }
}
