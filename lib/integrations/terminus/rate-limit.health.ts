import { Inject, Injectable } from '@nestjs/common';
import { type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import { BackendService } from '../../limiter/backend.service.js';
import type { BackendHealth } from '../../contracts/backend.js';

/** The result type of a check in terminus, with the additions of version 12. */
type Check = ReturnType<HealthIndicatorService['check']> & {
  degraded?: (details: Record<string, unknown>) => HealthIndicatorResult;
};

/**
 * A health indicator for Terminus that checks the limiter's backends. Provide it in the module that imports
 * `TerminusModule`.
 *
 * Use it for readiness only. An outage of the limiter is no reason to restart a process.
 *
 * @example
 * \@HealthCheck()
 * \@Get('health')
 * check() {
 *   return this.health.check([() => this.rateLimit.isHealthy('rate-limit')]);
 * }
 */
@Injectable()
export class RateLimitHealthIndicator {
  constructor(
    @Inject(HealthIndicatorService) private readonly indicators: HealthIndicatorService,
    @Inject(BackendService) private readonly backend: BackendService,
  ) {}

  /**
   * Up while a backend can decide. Down if a backend is configured wrongly, because calls then fail in every mode. In
   * an outage: down with failure mode `closed`, degraded with the others, because calls continue. (Terminus 11 has no
   * 'degraded': there it is up, with `degraded: true`.) A policy store that is not available degrades too; the last
   * known policies apply. It pings the backends, so it notices a recovery even without traffic.
   *
   * @param key name of the check in the result
   */
  async isHealthy(key: string): Promise<HealthIndicatorResult> {
    const check: Check = this.indicators.check(key);
    const { backends, policyStore } = await this.backend.health();
    const details = {
      backends: Object.fromEntries(backends.map((one) => [one.name, detailsOf(one)])),
      ...(policyStore !== undefined && { policyStore }),
    };
    if (backends.some(({ mistake }) => mistake)) return check.down(details);
    const canDecide = backends.some(isUp);
    if (canDecide && policyStore?.healthy !== false) return check.up(details);
    if (!canDecide && this.backend.status().failureMode === 'closed') return check.down(details);
    return check.degraded?.(details) ?? check.up({ ...details, degraded: true });
  }
}

type Found = BackendHealth['backends'][number];

/** One failed ping is no outage: the breaker tells, and the ping only where there is none. */
const isUp = ({ breaker, healthy }: Found): boolean =>
  breaker === null || breaker.mode === 'disabled' ? healthy : breaker.state === 'closed';

const detailsOf = ({ breaker, healthy, latencyMs, error }: Found): Record<string, unknown> => ({
  state: breaker?.state ?? (healthy ? 'up' : 'down'),
  failures: breaker?.failureCount ?? 0,
  nextAttemptAt: breaker?.nextAttemptAt?.toISOString() ?? null,
  latencyMs,
  ...(error !== undefined && { error }),
});
