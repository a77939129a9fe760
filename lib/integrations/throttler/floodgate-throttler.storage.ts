import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { ThrottlerStorage } from '@nestjs/throttler';
import type { Backend } from '../../contracts/backend.js';
import type { CircuitBreakerOptions } from '../../contracts/breaker.js';
import type { Decision } from '../../contracts/decision.js';
import { RateLimitConfigurationError } from '../../contracts/errors.js';
import type { Duration, FailureMode, PolicyOptions } from '../../contracts/policy.js';
import { BackendService } from '../../limiter/backend.service.js';
import type { ConsumeOptions } from '../../limiter/service-requests.js';
import { anObject, onlyKnown } from '../../policies/option-checks.js';
import { settingsOf } from '../../rate-limit.validation.js';
import { OwnLimiter } from './own-limiter.js';
import { policiesOf, type QuotaPolicies, type ThrottlerQuota } from './throttler-quota.js';
import { recordOf, type ThrottlerRecord } from './throttler-record.js';

/** Options of `FloodgateThrottlerStorage`. */
export interface FloodgateThrottlerStorageOptions {
  /** Where hits are counted: a backend, or the module's `BackendService`, whose settings then apply. */
  readonly backend: Backend | BackendService;
  /** What a hit gets if no backend can decide. Default `closed`, or the module's. */
  readonly failureMode?: FailureMode;
  /** The share of each limit that failure mode `local` enforces in this process: above 0, at most 1. Default 1. */
  readonly localShare?: number;
  /** Deadline of one call to the backend. Default 250 ms, or the module's. */
  readonly timeout?: Duration;
  /** Options of the breaker around the backend; `false`: none. */
  readonly circuitBreaker?: CircuitBreakerOptions | false;
}

const OPTIONS = ['backend', 'failureMode', 'localShare', 'timeout', 'circuitBreaker'] as const;

/** Most quotas whose policies are kept: throttlers may compute limits for each request. */
const MAX_QUOTAS = 1_000;

/**
 * A storage for @nestjs/throttler 6 that counts in any backend, with its deadline, circuit breaker and failure mode.
 * Throttler's guard and decorators do not change.
 *
 * @example
 * ThrottlerModule.forRoot({
 *   throttlers: [{ ttl: seconds(60), limit: 100 }],
 *   storage: new FloodgateThrottlerStorage({ backend: redisBackend({ url: 'redis://localhost:6379' }) }),
 * })
 */
@Injectable()
export class FloodgateThrottlerStorage implements ThrottlerStorage, OnApplicationBootstrap, OnApplicationShutdown {
  private readonly own: OwnLimiter | undefined;
  private readonly consume: (key: string, policies: PolicyOptions[]) => Promise<Decision>;
  private readonly quotas = new Map<string, QuotaPolicies>();

  /**
   * @param source options, or the module's `BackendService`, which is also what dependency injection gives
   * @throws RateLimitConfigurationError for an option that is wrong
   */
  constructor(@Inject(BackendService) source: FloodgateThrottlerStorageOptions | BackendService) {
    const options = isService(source) ? { backend: source } : checked(source);
    const { backend, ...more } = options;
    if (isService(backend)) {
      const terms = termsOf(more);
      this.consume = (key, policies) => backend.consume(key, policies, terms);
    } else {
      const own = new OwnLimiter(settingsOf({ ...more, backend }));
      this.own = own;
      this.consume = (key, policies) => own.consume(key, policies);
    }
  }

  /**
   * Counts a hit.
   *
   * @param ttl how long a hit counts, ms
   * @param blockDuration how long the key is blocked after a refusal, ms; 0: no block
   * @throws BackendUnavailableError, which is 503 over HTTP, if no backend can decide and the failure mode is `closed`
   */
  async increment(
    key: string,
    ttl: number,
    limit: number,
    blockDuration: number,
    throttlerName: string,
  ): Promise<ThrottlerRecord> {
    const quota = { ttl, limit, blockDuration, throttlerName };
    const { hits, window } = this.policiesOf(quota);
    const policies = window === undefined ? [hits] : [hits, window];
    return recordOf(await this.consume(key, policies), quota);
  }

  /** Keeps the backend open until this application ends. */
  onApplicationBootstrap(): void {
    this.own?.join();
  }

  /** Closes what the backend opened itself. */
  async onApplicationShutdown(): Promise<void> {
    await this.own?.leave();
  }

  private policiesOf(quota: ThrottlerQuota): QuotaPolicies {
    const { ttl, limit, blockDuration, throttlerName } = quota;
    const id = `${ttl},${limit},${blockDuration},${throttlerName}`;
    let policies = this.quotas.get(id);
    if (policies === undefined) {
      policies = policiesOf(quota);
      if (this.quotas.size >= MAX_QUOTAS) this.quotas.clear();
      this.quotas.set(id, policies);
    }
    return policies;
  }
}

/** By its shape, since the package may be there twice. */
const isService = (source: unknown): source is BackendService =>
  typeof source === 'object' && source !== null && 'resetCircuitBreaker' in source && 'acquire' in source;

function checked(options: FloodgateThrottlerStorageOptions): FloodgateThrottlerStorageOptions {
  const mend = 'Give { backend }, or the BackendService of the module.';
  anObject('FloodgateThrottlerStorage', options, mend);
  onlyKnown('FloodgateThrottlerStorage', options, OPTIONS);
  if (typeof options.backend === 'object' && options.backend !== null) return options;
  throw new RateLimitConfigurationError('FloodgateThrottlerStorage.backend', options.backend, mend);
}

/** What may be said beside the `BackendService` of a module, whose own options hold else. */
function termsOf(options: Omit<FloodgateThrottlerStorageOptions, 'backend'>): ConsumeOptions {
  const { failureMode, timeout, ...others } = options;
  const [other] = Object.keys(others);
  if (other !== undefined) {
    throw new RateLimitConfigurationError(
      `FloodgateThrottlerStorage.${other}`,
      'an option beside a BackendService',
      'Leave it out: the options of the module hold.',
    );
  }
  return { ...(failureMode !== undefined && { failureMode }), ...(timeout !== undefined && { timeout }) };
}
