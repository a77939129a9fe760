import { Inject, Injectable, Logger } from '@nestjs/common';
import { Decider } from './decider.js';
import { breakerName } from './backend-breaker.js';
import type { BreakerTransition } from '../contracts/breaker.js';
import type { RateLimitEvent } from '../contracts/events.js';
import { failureReason } from '../contracts/failure-reason.js';
import type { FailureMode } from '../contracts/policy.js';
import { monotonicMs } from '../contracts/process-time.js';
import { RateLimitEvents } from '../observe/rate-limit-events.js';

const CONSEQUENCE: Readonly<Record<FailureMode, string>> = {
  closed: 'limited routes answer 503',
  open: 'calls pass without limits',
  local: 'this process enforces the limits by itself',
};

/** A backend that flaps gets one warning in this time, in ms. */
const QUIET_MS = 10_000;

/** The log state of a backend. */
interface Written {
  readonly warnedMs: number;
  /** Whether the last line was about an outage. */
  readonly away: boolean;
}

/**
 * Logs one warning when a backend fails and one line when it works again: not one for each request, and for a backend
 * that flaps not one for each change.
 */
@Injectable()
export class OutageLog {
  private readonly logger = new Logger('RateLimit');
  private readonly written = new Map<string, Written>();

  constructor(
    @Inject(RateLimitEvents) events: RateLimitEvents,
    @Inject(Decider) private readonly decider: Decider,
  ) {
    events.watch((event) => this.hear(event));
  }

  private hear(event: RateLimitEvent): void {
    // It receives every failure, not only the first: an outage that began in a quiet time is logged after that time.
    if (event.kind === 'backend-failure') this.warn(event.backend, event.error);
    else if (event.kind === 'outage-ended') this.tellReturn(event.backend, event.durationMs, event.failures);
    else if (event.kind === 'breaker-transition') this.tellCircuit(event);
  }

  /** Circuits of methods, and circuits that somebody opened in code. The log above covers backends that fail. */
  private tellCircuit({ breaker, to, reason }: BreakerTransition): void {
    const ofBackend = breaker.startsWith(breakerName(''));
    if (to === 'open' && (reason === 'forced' || (reason === 'tripped' && !ofBackend))) {
      this.logger.warn(`Circuit '${breaker}' is open (${reason}).`);
    } else if (to === 'closed' && reason === 'recovered' && !ofBackend) {
      this.logger.log(`Circuit '${breaker}' is closed.`);
    }
  }

  private warn(backend: string, error: Error): void {
    const last = this.written.get(backend);
    const nowMs = monotonicMs();
    if (last !== undefined && (last.away || nowMs - last.warnedMs < QUIET_MS)) return;
    this.written.set(backend, { warnedMs: nowMs, away: true });
    this.logger.warn(`Backend '${backend}' is unavailable (${failureReason(error)}). ${this.consequence()}.`);
  }

  private tellReturn(backend: string, durationMs: number, failures: number): void {
    const last = this.written.get(backend);
    if (last?.away !== true) return;
    this.written.set(backend, { ...last, away: false });
    this.logger.log(
      `Backend '${backend}' is back after ${(durationMs / 1_000).toFixed(1)} s; failed calls: ${failures}.`,
    );
  }

  private consequence(): string {
    const { failureMode, backends } = this.decider.status();
    const left = backends.filter(({ name }) => this.written.get(name)?.away !== true).map(({ name }) => `'${name}'`);
    if (left.length > 0) return `Meanwhile ${left.join(', ')} ${left.length === 1 ? 'counts' : 'count'}`;
    return `Failure mode '${failureMode}': ${CONSEQUENCE[failureMode]}, unless a policy says otherwise`;
  }
}
