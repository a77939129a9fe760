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
import { MAX_TIMER_MS } from '../../policies/duration.js';
import { aBoolean, onlyKnown } from '../../policies/option-checks.js';
import { consumeForAll, runForAll, sharesOf } from './cluster-decision.js';
import type { Verb } from './limiter.script.js';
import { otherQuotas } from './other-quotas.js';
import { type Caller, PendingCall } from './pending-call.js';
import { checkPermissions } from './permissions.js';
import { driverOf, type RedisConnection } from './redis-connection.js';
import type { RedisDriver } from './redis-driver.js';
import { translated } from './redis-errors.js';
import { ScriptLanes } from './script-lanes.js';
import { ScriptRunner } from './script-runner.js';
import { RefusalCache } from '../refusal-cache.js';
import { untilAborted } from '../../contracts/until-aborted.js';

/** Options of `redisBackend()`. */
export type RedisBackendOptions = RedisConnection & {
  /** The prefix of every key. Default `floodgate:`. */
  readonly keyPrefix?: string;
  /** Default `redis`. */
  readonly name?: string;
  /** Options of the breaker around this backend. They override the module's. `false`: no breaker. */
  readonly circuitBreaker?: CircuitBreakerOptions | false;
  /**
   * The process remembers a refusal until the retry time that Redis gave, for at most a minute, and answers such calls
   * itself. Default `true`: the refusals of 10,000 keys. A reset or refund by another process is noticed after that
   * time.
   */
  readonly refusalCache?: boolean | { readonly maxKeys?: number };
  /** Waiting calls of one key share a script call, in order of arrival. Default `true`. */
  readonly coalesce?: boolean;
  /** Waiting calls of different keys share a script call; on a Cluster, the calls of one slot. Default `true`. */
  readonly batch?: boolean;
};

/**
 * Keeps counters in Redis, shared by every process: a single server, Sentinel, or (with your own client) a Cluster. The
 * server's clock decides, and each decision is one script call.
 *
 * It connects when an application that uses it listens, or with the first call. Creating it opens no connection.
 *
 * @throws RateLimitConfigurationError unless `client` is given, or `url`, `connection` or both
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
    'refusalCache',
    'coalesce',
    'batch',
  ]);
  return new RedisBackend(options);
}

const CONSUME: Verb = { kind: 'consume', overdraw: false };
const OVERDRAW: Verb = { kind: 'consume', overdraw: true };
const ONE_SHARE: ReturnType<typeof sharesOf> = [];

class RedisBackend implements Backend {
  readonly name: string;
  readonly circuitBreaker?: CircuitBreakerOptions | false;
  private readonly keyPrefix: string;
  private readonly driver: RedisDriver;
  private readonly refusals: RefusalCache | undefined;
  private readonly lanes: ScriptLanes;
  private readonly other: Caller = {
    answered: (_call, { reply }) => reply,
    failed: (error) => translated(error, this.name),
  };
  /** The same, and remembers refusals. */
  private readonly charging: Caller = {
    ...this.other,
    answered: ({ request, sentMs }, { reply, states = [] }) => {
      if (reply.allowed) this.refusals?.charged(request);
      else this.refusals?.keep(request, { reply, states, sentMs });
      return reply;
    },
  };

  constructor(options: RedisBackendOptions) {
    const {
      name = 'redis',
      keyPrefix = 'floodgate:',
      circuitBreaker,
      refusalCache,
      coalesce = true,
      batch = true,
    } = options;
    this.name = name;
    this.keyPrefix = keyPrefix;
    if (circuitBreaker !== undefined) this.circuitBreaker = circuitBreaker;
    this.refusals = RefusalCache.of('redisBackend.refusalCache', refusalCache);
    aBoolean('redisBackend.coalesce', coalesce);
    aBoolean('redisBackend.batch', batch);
    this.driver = driverOf('redisBackend', options);
    const runner = new ScriptRunner(this.driver, keyPrefix, () => this.lanes.stopBatching());
    this.lanes = new ScriptLanes(runner.send, { coalesce, batch }, this.driver.isCluster, keyPrefix);
  }

  consume(request: ConsumeRequest): Promise<Reply> {
    const { charges, overdraw } = request;
    const shares = this.sharesOf(charges);
    if (shares.length > 1) return this.consumeShares(request, shares);
    return this.ask(overdraw === true ? OVERDRAW : CONSUME, charges, request, this.charging);
  }

  recall(request: ConsumeRequest): Reply | undefined {
    return this.refusals?.find(request);
  }

  peek(request: BackendRequest): Promise<Reply> {
    return this.runAll({ kind: 'peek' }, request);
  }

  async refund(request: RefundRequest): Promise<void> {
    await this.lower({ kind: 'refund', chargedAtMs: request.chargedAtMs }, request);
  }

  async renew(request: RenewRequest): Promise<void> {
    await this.runAll({ kind: 'renew' }, request);
  }

  async reset(request: BackendRequest): Promise<void> {
    await this.lower({ kind: 'reset' }, request);
  }

  /** Runs every command of a decision. Unlike PING, it finds a replica, a full server, and missing permissions. */
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

  /** Runs an operation after which refused calls may pass. */
  private async lower(verb: Verb, request: BackendRequest): Promise<void> {
    this.refusals?.drop(request);
    try {
      await this.runAll(verb, request);
    } finally {
      this.refusals?.drop(request);
    }
  }

  private runAll(verb: Verb, request: BackendRequest): Promise<Reply> {
    const shares = this.sharesOf(request.charges);
    if (shares.length > 1) return runForAll((one, share) => this.run(one, share, request), verb, shares);
    return this.run(verb, request.charges, request);
  }

  /** Only a Cluster needs a separate call for each subject. */
  private sharesOf(charges: readonly Refund[]): ReturnType<typeof sharesOf> {
    return this.driver.isCluster && charges.length > 1 ? sharesOf(charges) : ONE_SHARE;
  }

  private async consumeShares(request: ConsumeRequest, shares: ReturnType<typeof sharesOf>): Promise<Reply> {
    const joined = await consumeForAll((verb, share) => this.run(verb, share, request), request, shares);
    // Reserved units of a refused call were given back. They may have caused refusals of other calls.
    if (!joined.allowed) this.refusals?.drop(request);
    return joined;
  }

  private run(verb: Verb, charges: readonly Refund[], request: BackendRequest): Promise<Reply> {
    return this.ask(verb, charges, request, this.other);
  }

  private ask(verb: Verb, charges: readonly Refund[], request: ConsumeRequest, caller: Caller): Promise<Reply> {
    const call = new PendingCall(caller, verb, charges, request, performance.now());
    if (this.driver.isReady) this.lanes.join(call);
    else void this.joinLater(call);
    return call.reply;
  }

  private async joinLater(call: PendingCall): Promise<void> {
    try {
      await this.driver.whenReady(AbortSignal.timeout(Math.min(call.request.timeoutMs, MAX_TIMER_MS)));
      this.lanes.join(call);
    } catch (error) {
      call.reject(error);
    }
  }
}
