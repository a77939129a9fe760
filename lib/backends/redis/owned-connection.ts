import { Redis, type RedisOptions } from 'ioredis';
import { SilenceWatch } from './silence-watch.js';
import { untilAborted } from '../../contracts/until-aborted.js';

/** The user that logs in to Redis. */
export interface RedisCredentials {
  readonly username?: string;
  readonly password: string;
}

/** The settings of the backend's own connection. */
export interface RedisServerOptions {
  readonly url?: string | undefined;
  readonly connection?: RedisOptions | undefined;
  readonly credentials?: (() => RedisCredentials | Promise<RedisCredentials>) | undefined;
}

/** Maximum pause between two connection attempts, in ms. */
const MAX_RETRY_DELAY_MS = 1_000;

/** A connection that does not answer a command for this time is closed and made again, in ms. */
const SOCKET_TIMEOUT_MS = 5_000;

/** Maximum wait for pending answers, and for the end of the connection, at close, in ms. */
const CLOSE_TIMEOUT_MS = 1_000;

/**
 * ioredis 5 reports a connection as ready even if its handshake failed, and then never reconnects. There INFO must
 * succeed first. Version 6 is recognised by its options.
 */
const NEEDS_READY_CHECK = !('replyMapping' in ((Redis as unknown as { defaultOptions?: object }).defaultOptions ?? {}));

/** Options that an application can change. */
const DEFAULTS = {
  connectTimeout: 5_000,
  disconnectTimeout: 500,
  maxLoadingRetryTime: MAX_RETRY_DELAY_MS,
  // Disconnects from a server that became a replica, so that the name or Sentinel leads to the new master.
  reconnectOnError: (error: Error): boolean => error.message.includes('READONLY'),
} satisfies RedisOptions;

/**
 * Options that a limiter needs: a command is answered or fails immediately. No command waits, and none is sent twice.
 */
const REQUIRED = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  lazyConnect: true,
  replyMapping: 'legacy',
  // Attempts are made here, because ioredis could not wait for credentials.
  retryStrategy: () => null,
} satisfies RedisOptions;

/**
 * The backend's own client. After it is opened, it connects in the background until it succeeds, with the settings that
 * a limiter needs.
 */
export class OwnedConnection {
  readonly client: Redis;
  readonly silence: SilenceWatch;
  /** The reason for a missing connection. */
  lastError: Error | undefined;
  private readonly credentials: RedisServerOptions['credentials'];
  private readonly retryDelayMs: (attempt: number) => unknown;
  private readonly connectTimeoutMs: number;
  private wanted = false;
  private attempts = 0;
  private retry: NodeJS.Timeout | undefined;
  /** Called for an attempt that failed before the client took part in it. */
  onFailure = (): void => undefined;

  constructor({ url, connection = {}, credentials }: RedisServerOptions) {
    const { socketTimeout = SOCKET_TIMEOUT_MS, retryStrategy = retryDelayMs, ...given } = connection;
    const options = {
      ...DEFAULTS,
      // A server that is loading reports that itself. Behind Sentinel, the check also separates a master from a
      // replica.
      enableReadyCheck: NEEDS_READY_CHECK || given.sentinels !== undefined,
      ...given,
      ...REQUIRED,
    };
    this.credentials = credentials;
    this.retryDelayMs = retryStrategy ?? (() => undefined);
    this.connectTimeoutMs = options.connectTimeout ?? DEFAULTS.connectTimeout;
    // With this order, which its types do not declare, ioredis uses the URL for options that are not set.
    this.client = Reflect.construct(Redis, url === undefined ? [options] : [options, url]) as Redis;
    this.silence = new SilenceWatch(socketTimeout, () => this.giveUp());
    this.watch();
  }

  /** Connects and reconnects; does nothing if it is already open. */
  open(): void {
    if (this.wanted) return;
    this.wanted = true;
    this.attempts = 0;
    if (this.client.status === 'wait' || this.client.status === 'end') void this.attempt();
  }

  /** Waits a moment for pending answers, and disconnects. */
  async close(): Promise<void> {
    this.wanted = false;
    clearTimeout(this.retry);
    // Answers arrive in order. QUIT would end the connection, and the connections that watch the sentinels would stay
    // open.
    if (this.client.status === 'ready') await inTime(this.client.ping().catch(ignore));
    if (this.wanted || this.client.status === 'end' || this.client.status === 'wait') return;
    const ended = new Promise((resolve) => this.client.once('end', resolve));
    this.client.disconnect();
    await inTime(ended);
  }

  private watch(): void {
    // The handshake waits for answers, too.
    let shakingHands = false;
    const handsShaken = (): void => {
      if (shakingHands) this.silence.answered();
      shakingHands = false;
    };
    // Without a listener, ioredis prints every failed attempt. Callers get their own errors in an outage.
    this.client.on('error', (error: Error) => (this.lastError = error));
    this.client.on('connect', () => {
      if (!shakingHands) this.silence.sent();
      shakingHands = true;
    });
    this.client.on('ready', () => {
      handsShaken();
      this.attempts = 0;
    });
    this.client.on('close', handsShaken);
    this.client.on('end', () => this.tryAgain());
  }

  private tryAgain(): void {
    if (!this.wanted) return;
    this.attempts += 1;
    const delayMs = this.retryDelayMs(this.attempts);
    if (typeof delayMs !== 'number') return;
    clearTimeout(this.retry);
    this.retry = setTimeout(() => void this.attempt(), delayMs).unref();
  }

  private async attempt(): Promise<void> {
    try {
      if (this.credentials !== undefined) await this.logIn(this.credentials);
    } catch (error) {
      this.lastError = error instanceof Error ? error : new Error('No credentials', { cause: error });
      this.onFailure();
      return this.tryAgain();
    }
    // The client's events report failures.
    if (this.wanted) this.client.connect().catch(ignore);
  }

  /** Gets the credentials for the next connection. */
  private async logIn(credentials: NonNullable<RedisServerOptions['credentials']>): Promise<void> {
    const asked = Promise.resolve(credentials());
    const { username, password } = await untilAborted(asked, AbortSignal.timeout(this.connectTimeoutMs));
    const { options } = this.client;
    options.password = password;
    if (username === undefined) delete options.username;
    else options.username = username;
  }

  private giveUp(): void {
    this.lastError = Object.assign(new Error('The connection is silent'), { code: 'ETIMEDOUT' });
    this.client.disconnect(true);
  }
}

/** Waits for a promise, at most for the closing time. */
async function inTime(promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, CLOSE_TIMEOUT_MS)));
  await Promise.race([promise, late]);
  clearTimeout(timer);
}

/**
 * 50 ms, doubled with each attempt up to a second, minus up to half at random, so that not all processes connect at the
 * same time.
 */
function retryDelayMs(attempt: number): number {
  const delayMs = Math.min(50 * 2 ** (attempt - 1), MAX_RETRY_DELAY_MS);
  return Math.round(delayMs * (1 - Math.random() / 2));
}

function ignore(): void {
  // The client's status and events report the result.
}
