import { Inject, Injectable, Logger } from '@nestjs/common';
import { CircuitBreakerRegistry } from '../breaker/breaker.registry.js';
import type {
  BreakerStateListener,
  BreakerStateStore,
  CircuitReport,
  PeersReport,
} from '../contracts/breaker-state.js';
import { RateLimitConfigurationError } from '../contracts/errors.js';
import { failureReason } from '../contracts/failure-reason.js';
import { monotonicMs } from '../contracts/process-time.js';
import { RATE_LIMIT_SETTINGS, type RateLimitSettings } from '../rate-limit.settings.js';
import { BreakerSharing } from './breaker-sharing.js';

/** Time between two reports, in ms. */
const TICK_MS = 500;

/** Connects the application's breakers with the store of `breakerState`, if there is one. */
@Injectable()
export class BreakerStateSync implements BreakerStateListener {
  private readonly logger = new Logger('RateLimit');
  private readonly store: BreakerStateStore | undefined;
  private readonly sharing: BreakerSharing | undefined;
  private timer: NodeJS.Timeout | undefined;
  private starting = true;
  private isAway = false;

  constructor(
    @Inject(RATE_LIMIT_SETTINGS) { breakerState }: RateLimitSettings,
    @Inject(CircuitBreakerRegistry) registry: CircuitBreakerRegistry,
  ) {
    this.store = breakerState;
    this.sharing = breakerState && new BreakerSharing(registry, breakerState, monotonicMs);
  }

  /** Reads the state of the store. If the store is not available, the application starts without it. */
  async start(): Promise<void> {
    if (this.store === undefined || this.timer !== undefined) return;
    this.timer = setInterval(() => this.sharing?.tick(), TICK_MS).unref();
    this.sharing?.start();
    await this.store.open(this);
    this.starting = false;
  }

  async stop(): Promise<void> {
    if (this.timer === undefined) return;
    clearInterval(this.timer);
    this.sharing?.stop();
    await this.store?.close();
  }

  heard(peers: readonly PeersReport[]): void {
    this.sharing?.heard(peers);
  }

  /** Ignored after the first calls, because this process has then decided for itself. */
  resumed(reports: readonly CircuitReport[]): void {
    if (this.starting) this.sharing?.resumed(reports);
  }

  warn(what: string): void {
    this.logger.warn(`Breaker state '${this.store?.name}': ${what}.`);
  }

  away(error: unknown): void {
    this.sharing?.forget();
    if (this.isAway) return;
    this.isAway = true;
    const why = error instanceof RateLimitConfigurationError ? error.message : failureReason(error);
    this.warn(`out of reach (${why}), each process goes on by itself`);
  }

  back(): void {
    if (!this.isAway) return;
    this.isAway = false;
    this.logger.log(`Breaker state '${this.store?.name}' is within reach again.`);
  }
}
