import { Redis, type RedisOptions } from 'ioredis';

/** Longest pause between two attempts to connect, in ms. */
const MAX_RETRY_DELAY_MS = 1_000;

/** A connection that leaves a command without an answer for so long is taken for dead, in ms, and is made anew. */
const SOCKET_TIMEOUT_MS = 5_000;

/** Longest wait for pending answers, and for the end of the connection, when it is closed, in ms. */
const CLOSE_TIMEOUT_MS = 1_000;

/**
 * ioredis 5 calls a connection ready even if it broke during its handshake, and then never makes another: there INFO
 * has to be answered first. Version 6 is told by its options.
 */
const NEEDS_READY_CHECK = !('replyMapping' in ((Redis as unknown as { defaultOptions?: object }).defaultOptions ?? {}));

/** What an application may set otherwise. */
const DEFAULTS = {
  connectTimeout: 5_000,
  disconnectTimeout: 500,
  socketTimeout: SOCKET_TIMEOUT_MS,
  maxLoadingRetryTime: MAX_RETRY_DELAY_MS,
  retryStrategy: retryDelayMs,
  // A server that became a replica is left for the one that took over, once name or Sentinel points there.
  reconnectOnError: (error: Error): boolean => error.message.includes('READONLY'),
} satisfies RedisOptions;

/** What a limiter cannot do without: a command is answered, or fails at once; none waits, and none is sent twice. */
const REQUIRED = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  lazyConnect: false,
  replyMapping: 'legacy',
} satisfies RedisOptions;

/** A client of the backend's own: it connects in the background, for as long as it takes, and as suits a limiter. */
export class OwnedConnection {
  readonly client: Redis;
  /** Why there is no connection, if there is none. */
  lastError: Error | undefined;

  constructor(server: string | RedisOptions) {
    const given = typeof server === 'string' ? {} : server;
    const options = {
      ...DEFAULTS,
      // A server that is loading says so itself, at once. Behind Sentinel the check also tells a master from a replica.
      enableReadyCheck: NEEDS_READY_CHECK || given.sentinels !== undefined,
      ...given,
      ...REQUIRED,
    };
    this.client = typeof server === 'string' ? new Redis(server, options) : new Redis(options);
    // Without a listener ioredis prints every failed attempt. Callers hear of the outage by their own failures.
    this.client.on('error', (error: Error) => (this.lastError = error));
    this.client.on('close', () => this.forgetSocketTimeout());
  }

  /** Connects once more after `close`; an attempt that fails is told by the 'error' event, as any other. */
  open(): void {
    if (this.client.status === 'end') this.client.connect().catch(() => undefined);
  }

  /** Lets pending answers come in, for a moment, and disconnects. */
  async close(): Promise<void> {
    // Answers come in order. QUIT would end the connection, and leave those that watch the sentinels open for ever.
    if (this.client.status === 'ready') await inTime(this.client.ping().catch(() => undefined));
    if (this.client.status === 'end') return;
    const ended = new Promise((resolve) => this.client.once('end', resolve));
    this.client.disconnect();
    await inTime(ended);
  }

  /** ioredis 5 keeps the timer of a socket that closed, and would cut with it the connection that is made next. */
  private forgetSocketTimeout(): void {
    const timed = this.client as unknown as { socketTimeoutTimer?: NodeJS.Timeout | undefined };
    clearTimeout(timed.socketTimeoutTimer);
    timed.socketTimeoutTimer = undefined;
  }
}

/** Waits for a promise, but not for longer than closing may take. */
async function inTime(promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, CLOSE_TIMEOUT_MS)));
  await Promise.race([promise, late]);
  clearTimeout(timer);
}

/** 50 ms doubled with each attempt up to a second, and up to half of it off by chance, lest all come back at once. */
function retryDelayMs(attempt: number): number {
  const delayMs = Math.min(50 * 2 ** (attempt - 1), MAX_RETRY_DELAY_MS);
  return Math.round(delayMs * (1 - Math.random() / 2));
}
