import type { RedisOptions } from 'ioredis';
import type {
  Backend,
  BackendRequest,
  ConsumeRequest,
  Refund,
  RefundRequest,
  RenewRequest,
  Reply,
} from '../../contracts/backend.js';
import type { CircuitBreakerOptions } from '../../contracts/breaker.js';
import { RateLimitConfigurationError } from '../../contracts/errors.js';
import { onlyKnown } from '../../policies/option-checks.js';
import { consumeForAll, runForAll, sharesOf } from './cluster-decision.js';
import { isUnknownScript, limiterCall, runByHash, runByText, timeOutsideBorders, type Verb } from './limiter.script.js';
import { OwnedConnection } from './owned-connection.js';
import { Readiness } from './readiness.js';
import { isScriptingClient, type RedisClient, type ScriptingClient } from './redis-client.js';
import { translated } from './redis-errors.js';
import { readReply } from './reply.js';
import { untilAborted } from './until-aborted.js';

/** Which Redis: a client of the application, or what a client of the backend's own is made from. */
export type RedisConnection =
  /** A `Redis` or `Cluster` of ioredis, with any options. It stays the application's to close. */
  | { readonly client: RedisClient; readonly url?: never; readonly connection?: never }
  /** Such as `redis://:password@host:6379/0`, or `rediss://` for TLS. */
  | { readonly url: string; readonly client?: never; readonly connection?: never }
  /** Options of ioredis, Sentinel's among them. */
  | { readonly connection: RedisOptions; readonly client?: never; readonly url?: never };

/** Options of `redisBackend()`. */
export type RedisBackendOptions = RedisConnection & {
  /** What every key begins with. Default `floodgate:`. */
  readonly keyPrefix?: string;
  /** Default `redis`. */
  readonly name?: string;
  /** Options of the breaker around this backend, before the module's. `false`: none. */
  readonly circuitBreaker?: CircuitBreakerOptions | false;
};

/**
 * Counters in Redis, shared by every process: a single server, Sentinel, or (with a client of the application) a
 * Cluster. The server's clock decides, and each decision is one script call.
 *
 * @throws RateLimitConfigurationError unless exactly one of `client`, `url` and `connection` is given
 *
 * @example
 * RateLimitModule.forRoot({ backend: redisBackend({ url: 'redis://localhost:6379' }) })
 */
export function redisBackend(options: RedisBackendOptions): Backend {
  onlyKnown('redisBackend', options, ['client', 'url', 'connection', 'keyPrefix', 'name', 'circuitBreaker']);
  return new RedisBackend(options);
}

const CONSUME: Verb = { kind: 'consume', overdraw: false };
const OVERDRAW: Verb = { kind: 'consume', overdraw: true };
const ONE_SHARE: ReturnType<typeof sharesOf> = [];

/** Longest time of a timer of Node, in ms. */
const MAX_TIMER_MS = 2 ** 31 - 1;

class RedisBackend implements Backend {
  readonly name: string;
  readonly circuitBreaker?: CircuitBreakerOptions | false;
  private readonly keyPrefix: string;
  private readonly owned: OwnedConnection | undefined;
  private readonly client: ScriptingClient;
  private readonly readiness: Readiness;
  /** How far the server's clock is ahead, where that is known to be more than a calendar window. */
  private serverAheadMs = 0;
  private readonly clock = (): number => Date.now() + this.serverAheadMs;

  constructor(options: RedisBackendOptions) {
    const { name = 'redis', keyPrefix = 'floodgate:', circuitBreaker } = options;
    this.name = name;
    this.keyPrefix = keyPrefix;
    if (circuitBreaker !== undefined) this.circuitBreaker = circuitBreaker;
    const server = serverOf(options);
    this.owned = server === undefined ? undefined : new OwnedConnection(server);
    this.client = (this.owned?.client ?? options.client) as ScriptingClient;
    this.readiness = new Readiness(this.client, () => this.owned?.lastError);
  }

  consume(request: ConsumeRequest): Promise<Reply> {
    const shares = this.sharesOf(request.charges);
    if (shares.length > 1) return consumeForAll((verb, share) => this.run(verb, share, request), request, shares);
    return this.run(request.overdraw === true ? OVERDRAW : CONSUME, request.charges, request);
  }

  peek(request: BackendRequest): Promise<Reply> {
    return this.runAll({ kind: 'peek' }, request);
  }

  async refund(request: RefundRequest): Promise<void> {
    await this.runAll({ kind: 'refund', chargedAtMs: request.chargedAtMs }, request);
  }

  async renew(request: RenewRequest): Promise<void> {
    await this.runAll({ kind: 'renew' }, request);
  }

  async reset(request: BackendRequest): Promise<void> {
    await this.runAll({ kind: 'reset' }, request);
  }

  /** A write that changes nothing: unlike PING it finds out that a server is a replica, full, or cannot persist. */
  async ping(signal: AbortSignal): Promise<void> {
    try {
      if (!this.readiness.isReady) await this.readiness.wait(signal);
      await untilAborted(this.client.set(`${this.keyPrefix}ping`, '', 'PX', 1, 'XX'), signal);
    } catch (error) {
      throw translated(error, this.name);
    }
  }

  /** A client that waits to be asked connects with the first call. */
  isConnected(): boolean {
    return this.readiness.isReady || this.client.status === 'wait';
  }

  open(): void {
    this.owned?.open();
  }

  async close(): Promise<void> {
    await this.owned?.close();
  }

  private runAll(verb: Verb, request: BackendRequest): Promise<Reply> {
    const shares = this.sharesOf(request.charges);
    if (shares.length > 1) return runForAll((one, share) => this.run(one, share, request), verb, shares);
    return this.run(verb, request.charges, request);
  }

  /** Only a Cluster has to be asked for each subject apart. */
  private sharesOf(charges: readonly Refund[]): ReturnType<typeof sharesOf> {
    return this.client.isCluster && charges.length > 1 ? sharesOf(charges) : ONE_SHARE;
  }

  private async run(verb: Verb, charges: readonly Refund[], { timeoutMs }: BackendRequest): Promise<Reply> {
    try {
      if (!this.readiness.isReady) await this.readiness.wait(AbortSignal.timeout(Math.min(timeoutMs, MAX_TIMER_MS)));
      let reply: unknown;
      // Not by `catch` of the promise: with many calls on their way, a promise more for each is what the collector feels.
      try {
        reply = await runByHash(this.client, limiterCall(this.keyPrefix, verb, charges, this.clock));
      } catch (error) {
        reply = await this.runAgain(error, verb, charges);
      }
      return readReply(reply, charges);
    } catch (error) {
      throw translated(error, this.name);
    }
  }

  /** Tells a server what it lacked: the script, or the borders of calendar windows around its time. */
  private async runAgain(error: unknown, verb: Verb, charges: readonly Refund[]): Promise<unknown> {
    const serverMs = timeOutsideBorders(error);
    if (serverMs !== undefined) {
      this.serverAheadMs = serverMs - Date.now();
      return runByHash(this.client, limiterCall(this.keyPrefix, verb, charges, this.clock));
    }
    if (!isUnknownScript(error)) throw error;
    try {
      return await runByText(this.client, limiterCall(this.keyPrefix, verb, charges, this.clock));
    } catch (again) {
      if (timeOutsideBorders(again) === undefined) throw again;
      return this.runAgain(again, verb, charges);
    }
  }
}

/** What to connect to; nothing if the application gave its own client. */
function serverOf(options: RedisBackendOptions): string | RedisOptions | undefined {
  const { client, url, connection } = options;
  const given = [client, url, connection].filter((one) => one !== undefined);
  if (given.length !== 1) {
    const names = Object.keys(options).filter((name) => ['client', 'url', 'connection'].includes(name));
    throw new RateLimitConfigurationError('redisBackend', names, 'Give exactly one of client, url and connection.');
  }
  if (client === undefined) return url ?? connection;
  if (isScriptingClient(client)) return undefined;
  throw new RateLimitConfigurationError('redisBackend.client', client, 'Give a Redis or a Cluster of ioredis 5 or 6.');
}
