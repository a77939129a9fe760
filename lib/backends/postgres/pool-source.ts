import pg from 'pg';
import { RateLimitConfigurationError } from '../../contracts/errors.js';
import { withoutValues } from '../../policies/option-checks.js';
import { isPool, type PostgresConnection, type PostgresPool } from './postgres-client.js';

/** An attempt to connect that takes longer has failed, in ms: a server that only accepts would fill the pool. */
const CONNECT_TIMEOUT_MS = 5_000;

/** Longest wait for the end of connections when the pool is closed, in ms. */
const CLOSE_TIMEOUT_MS = 1_000;

const GIVE_ONE =
  "Give one: { connectionString: 'postgres://user:password@host:5432/database' } or { pool }, a Pool of pg 8.";

/** Where connections come from. */
export interface PoolSource {
  /** @throws Error when it has been closed */
  take(): ReturnType<PostgresPool['connect']>;
  open(): void;
  close(): Promise<void>;
}

/**
 * @param caller the function in error messages
 * @param max maximum number of connections of the backend's own pool
 * @throws RateLimitConfigurationError unless exactly one of `pool` and `connectionString` is given, and is valid
 */
export function poolSourceOf(caller: string, options: PostgresConnection, max = 10): PoolSource {
  const { pool, connectionString } = options;
  if (pool === undefined && connectionString === undefined) {
    throw new RateLimitConfigurationError(
      caller,
      withoutValues(options),
      `Neither pool nor connectionString is given. ${GIVE_ONE}`,
    );
  }
  if (pool !== undefined && connectionString !== undefined) {
    throw new RateLimitConfigurationError(
      caller,
      withoutValues(options),
      `pool and connectionString are both given. ${GIVE_ONE}`,
    );
  }
  if (pool === undefined) return new OwnPool(caller, connectionString as string, max);
  if (isPool(pool)) return new GivenPool(pool);
  throw new RateLimitConfigurationError(`${caller}.pool`, pool, 'Give a Pool of pg 8.');
}

/** A pool of the application, which stays its to close. */
export class GivenPool implements PoolSource {
  private listening = false;

  constructor(private readonly pool: PostgresPool) {}

  /**
   * A pool without its own time limit waits without end for a server that accepts connections but does not answer, and
   * is soon full. So attempts of the limiter get a time limit. The pool reads it while `connect` runs, and nobody else
   * sees it.
   */
  take(): ReturnType<PostgresPool['connect']> {
    this.open();
    const { options } = this.pool as { options?: { connectionTimeoutMillis?: number | undefined } };
    if (options === undefined || (options.connectionTimeoutMillis ?? 0) > 0) return this.pool.connect();
    const before = options.connectionTimeoutMillis;
    options.connectionTimeoutMillis = CONNECT_TIMEOUT_MS;
    try {
      return this.pool.connect();
    } finally {
      options.connectionTimeoutMillis = before;
    }
  }

  /** Without a listener, an idle connection that breaks ends the process: an outage of the limiter must not do that. */
  open(): void {
    if (this.listening) return;
    this.listening = true;
    this.pool.on('error', ignore);
  }

  close(): Promise<void> {
    if (this.listening) this.pool.off('error', ignore);
    this.listening = false;
    return Promise.resolve();
  }
}

/** The backend's own pool. It connects on demand, and does not keep the process alive while nobody waits. */
class OwnPool implements PoolSource {
  private pool: pg.Pool | undefined;
  private closed = false;
  /** All clients, including those that are still connecting, which the pool does not report. */
  private readonly clients = new Set<pg.Client>();

  constructor(
    caller: string,
    private readonly connectionString: string,
    private readonly max: number,
  ) {
    checkConnectionString(caller, connectionString);
  }

  take(): ReturnType<PostgresPool['connect']> {
    if (this.closed) return Promise.reject(new Error('The connection pool is closed'));
    this.pool ??= this.made();
    return this.pool.connect();
  }

  open(): void {
    this.closed = false;
  }

  /** Lets pending answers come in, for a moment, and disconnects. */
  async close(): Promise<void> {
    this.closed = true;
    const { pool } = this;
    if (pool === undefined) return;
    this.pool = undefined;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        this.clients.forEach(({ connection }) => connection.stream.destroy());
        resolve();
      }, CLOSE_TIMEOUT_MS);
    });
    await Promise.race([pool.end(), late]);
    clearTimeout(timer);
  }

  private made(): pg.Pool {
    const { clients } = this;
    class Client extends pg.Client {
      constructor(config?: string | pg.ClientConfig) {
        super(config);
        clients.add(this);
        this.once('end', () => clients.delete(this));
      }
    }
    const pool = new pg.Pool({
      Client,
      connectionString: this.connectionString,
      max: this.max,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      allowExitOnIdle: true,
    });
    pool.on('error', ignore);
    return pool;
  }
}

/** Makes a client of it, which does not connect. The text is not told: it may hold a password. */
function checkConnectionString(caller: string, connectionString: string): void {
  try {
    if (typeof connectionString === 'string' && connectionString !== '') {
      new pg.Client({ connectionString });
      return;
    }
  } catch {
    // Told below, without the text.
  }
  throw new RateLimitConfigurationError(
    `${caller}.connectionString`,
    typeof connectionString,
    "Give a text such as 'postgres://user:password@host:5432/database'.",
  );
}

function ignore(): void {
  // The next call that needs a connection gets its own error.
}
