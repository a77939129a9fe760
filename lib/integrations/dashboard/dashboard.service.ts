import { type BeforeApplicationShutdown, Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { Injection } from '../../guard/injection.js';
import { type StoredKey, storedKeys } from '../../limiter/bounded-key.js';
import { RateLimitPolicies } from '../../limiter/rate-limit-policies.js';
import { RATE_LIMIT_SETTINGS, type RateLimitSettings } from '../../rate-limit.settings.js';
import { type ObservedApplication, observedApplication } from '../observed-application.js';
import { DASHBOARD_SETTINGS, type DashboardSettings } from './dashboard.options.js';
import type { DashboardState } from './dashboard.schema.js';
import { type EventSink, EventStreams } from './event-streams.js';
import { StateReader } from './state.reader.js';
import { TrafficHistory } from './traffic.history.js';

/** Buckets that each event of the stream repeats: the one that grows, and the one before. */
const REPEATED = 2;

const clock = (): number => Date.now();

/** What the page needs of the application. */
interface DashboardParts extends ObservedApplication {
  readonly injection: Injection;
  readonly policies: RateLimitPolicies;
  readonly reader: StateReader;
  /** The key under which a partition key is stored, and seen in charges. */
  readonly storedKey: StoredKey;
}

/** What the page shows, and who watches it. @internal */
@Injectable()
export class DashboardService implements OnModuleInit, BeforeApplicationShutdown {
  readonly history: TrafficHistory;
  private parts: DashboardParts | undefined;
  private readonly streams = new EventStreams(() => this.state(REPEATED));
  private stop = (): void => undefined;

  constructor(
    @Inject(DASHBOARD_SETTINGS) readonly settings: DashboardSettings,
    @Inject(ModuleRef) private readonly modules: ModuleRef,
  ) {
    this.history = new TrafficHistory(settings.historyMs, clock);
  }

  /** @throws RateLimitConfigurationError if there is no `RateLimitModule` */
  onModuleInit(): void {
    const application = observedApplication(this.modules, 'RateLimitDashboardModule');
    const injection = this.modules.get(Injection, { strict: false });
    const reader = new StateReader(this.settings, application, this.history, clock);
    const { hashKeys } = this.modules.get<RateLimitSettings>(RATE_LIMIT_SETTINGS, { strict: false });
    const policies = this.modules.get(RateLimitPolicies, { strict: false });
    this.parts = { ...application, injection, reader, policies, storedKey: storedKeys(hashKeys) };
    this.stop = application.events.observe((event, charges) => this.history.hear(event, charges));
    if (this.settings.guards.length === 0) {
      const { path } = this.settings;
      new Logger('RateLimit').warn(`The dashboard at ${path} has no guards: it serves this machine alone.`);
    }
  }

  /** Ends the streams before the server closes: it would wait for them. */
  beforeApplicationShutdown(): void {
    this.stop();
    this.streams.end();
  }

  get application(): DashboardParts {
    if (this.parts === undefined) throw new Error('The application has not started.');
    return this.parts;
  }

  /** @param count buckets: all, or only the last */
  state(count?: number): DashboardState {
    return this.application.reader.read(count);
  }

  /** Sends the whole state, and then what changes, until the sink is closed. */
  stream(sink: EventSink): void {
    this.streams.add(sink, this.state());
  }
}
