import { isErrorLike } from '../contracts/error-like.js';
import { isBackendUnavailable } from '../contracts/errors.js';
import type { RateLimitListener } from '../contracts/events.js';
import { monotonicMs } from '../contracts/process-time.js';

/**
 * Since when, and how often, a backend has failed. It reports the first failure, each further failure, and the success
 * that ends them.
 */
export class OutageRecord {
  private sinceMs: number | undefined;
  private failures = 0;

  constructor(
    private readonly backend: string,
    private readonly notify: RateLimitListener,
  ) {}

  /** Whether the backend has failed since it last answered. */
  get isOn(): boolean {
    return this.sinceMs !== undefined;
  }

  failed(error: Error): void {
    const cause = isBackendUnavailable(error) && isErrorLike(error.cause) ? error.cause : error;
    if (this.sinceMs === undefined) {
      this.sinceMs = monotonicMs();
      this.failures = 0;
      this.notify({ kind: 'outage-started', backend: this.backend, error: cause });
    }
    this.failures += 1;
    this.notify({ kind: 'backend-failure', backend: this.backend, error: cause });
  }

  answered(): void {
    const { sinceMs, failures } = this;
    if (sinceMs === undefined) return;
    this.sinceMs = undefined;
    const durationMs = Math.round(monotonicMs() - sinceMs);
    this.notify({ kind: 'outage-ended', backend: this.backend, durationMs, failures });
  }
}
