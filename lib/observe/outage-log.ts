import { Inject, Injectable, Logger } from '@nestjs/common';
import type { RateLimitEvent } from '../contracts/events.js';
import type { FailureMode } from '../contracts/policy.js';
import { RATE_LIMIT_SETTINGS, type RateLimitSettings } from '../rate-limit.options.js';
import { RateLimitEvents } from './rate-limit-events.js';

const CONSEQUENCE: Readonly<Record<FailureMode, string>> = {
  closed: 'limited routes answer 503',
  open: 'calls pass without limits',
  local: 'this process enforces the limits by itself',
};

/** Writes one warning when a backend goes away and one line when it is back: not one for each request. */
@Injectable()
export class OutageLog {
  private readonly logger = new Logger('RateLimit');

  constructor(
    @Inject(RateLimitEvents) events: RateLimitEvents,
    @Inject(RATE_LIMIT_SETTINGS) private readonly settings: RateLimitSettings,
  ) {
    events.on((event) => this.write(event));
  }

  private write(event: RateLimitEvent): void {
    if (event.kind === 'outage-started') {
      const { failureMode } = this.settings;
      this.logger.warn(
        `Backend '${event.backend}' is unavailable (${reasonOf(event.error)}). Failure mode '${failureMode}': ${CONSEQUENCE[failureMode]}, unless a policy says otherwise.`,
      );
    } else if (event.kind === 'outage-ended') {
      const seconds = (event.durationMs / 1_000).toFixed(1);
      this.logger.log(`Backend '${event.backend}' is back after ${seconds} s and ${event.failures} failed calls.`);
    }
  }
}

/** The code of an error, else its name: messages of drivers hold addresses. */
function reasonOf(error: Error): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : error.name;
}
