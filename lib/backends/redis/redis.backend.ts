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
import type { Policy } from '../../contracts/policy.js';
import { onlyKnown } from '../../policies/option-checks.js';
import { consumeForAll, runForAll, sharesOf } from './cluster-decision.js';
import { isUnknownScript, LIMITER, limiterCall, timeOutsideBorders, type Verb } from './limiter.script.js';
import { otherQuotas } from './other-quotas.js';
import { checkPermissions } from './permissions.js';
import { driverOf, type RedisConnection } from './redis-connection.js';
import type { RedisDriver } from './redis-driver.js';
import { translated } from './redis-errors.js';
import { readReply } from './reply.js';
import { untilAborted } from '../until-aborted.js';

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
 * Connects when an application that uses it listens, or with the first call; making it opens nothing.
 *
 * @throws RateLimitConfigurationError unless it is given a `client`, or a `url`, a `connection` or both
 *
 * @example
 * RateLimitModule.forRoot({ backend: redisBackend({ url: 'redis://localhost:6379' }) })
 */
export function redisBackend(options: RedisBackendOptions): Backend {
  onlyKnown('redisBackend', options, [
    'client',
    'url',
    'connection',
    'credentials',
    'keyPrefix',
    'name',
    'circuitBreaker',
  ]);
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
  private readonly driver: RedisDriver;
  /** How far the server's clock is ahead, where that is known to be more than a calendar window. */
  private serverAheadMs = 0;
  private readonly clock = (): number => Date.now() + this.serverAheadMs;

  constructor(options: RedisBackendOptions) {
    const { name = 'redis', keyPrefix = 'floodgate:', circuitBreaker } = options;
    this.name = name;
    this.keyPrefix = keyPrefix;
    if (circuitBreaker !== undefined) this.circuitBreaker = circuitBreaker;
    this.driver = driverOf('redisBackend', options);
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

  /** Asks for all that a decision asks for: unlike PING it finds out about a replica, a full server, and permissions. */
  async ping(signal: AbortSignal): Promise<void> {
    try {
      if (!this.driver.isReady) await this.driver.whenReady(signal);
      await untilAborted(checkPermissions(this.driver, this.keyPrefix), signal);
    } catch (error) {
      throw translated(error, this.name);
    }
  }

  isConnected(): boolean {
    return this.driver.isConnected;
  }

  onConnected(listener: () => void): () => void {
    return this.driver.onConnected(listener);
  }

  otherQuotas(policies: readonly Policy[], signal: AbortSignal): Promise<readonly string[]> {
    return otherQuotas(this.driver, this.keyPrefix, policies, signal);
  }

  open(): void {
    this.driver.open();
  }

  close(): Promise<void> {
    return this.driver.close();
  }

  private runAll(verb: Verb, request: BackendRequest): Promise<Reply> {
    const shares = this.sharesOf(request.charges);
    if (shares.length > 1) return runForAll((one, share) => this.run(one, share, request), verb, shares);
    return this.run(verb, request.charges, request);
  }

  /** Only a Cluster has to be asked for each subject apart. */
  private sharesOf(charges: readonly Refund[]): ReturnType<typeof sharesOf> {
    return this.driver.isCluster && charges.length > 1 ? sharesOf(charges) : ONE_SHARE;
  }

  private async run(verb: Verb, charges: readonly Refund[], { timeoutMs }: BackendRequest): Promise<Reply> {
    try {
      if (!this.driver.isReady) await this.driver.whenReady(AbortSignal.timeout(Math.min(timeoutMs, MAX_TIMER_MS)));
      let reply: unknown;
      // Not by `catch` of the promise: with many calls on their way, a promise more for each is what the collector feels.
      try {
        reply = await this.driver.runByHash(LIMITER, limiterCall(this.keyPrefix, verb, charges, this.clock));
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
      return this.driver.runByHash(LIMITER, limiterCall(this.keyPrefix, verb, charges, this.clock));
    }
    if (!isUnknownScript(error)) throw error;
    try {
      return await this.driver.runByText(LIMITER, limiterCall(this.keyPrefix, verb, charges, this.clock));
    } catch (again) {
      if (timeOutsideBorders(again) === undefined) throw again;
      return this.runAgain(again, verb, charges);
    }
  }
}
