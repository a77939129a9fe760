import { Controller, Get } from '@nestjs/common';
import { HealthCheck, type HealthCheckResult, HealthCheckService } from '@nestjs/terminus';
import { SkipRateLimit } from 'nestjs-floodgate';
import { RateLimitHealthIndicator } from 'nestjs-floodgate/terminus';

/** For readiness: whoever asks must not be limited, and must hear of an outage while there is one. */
@SkipRateLimit()
@Controller('health')
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly rateLimit: RateLimitHealthIndicator,
  ) {}

  @HealthCheck()
  @Get()
  check(): Promise<HealthCheckResult> {
    return this.health.check([() => this.rateLimit.isHealthy('rate-limit')]);
  }
}
