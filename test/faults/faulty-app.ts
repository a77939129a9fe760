import { ConsoleLogger, Controller, Get, Inject, type Provider } from '@nestjs/common';
import { HealthCheck, HealthCheckService, TerminusModule, type HealthCheckResult } from '@nestjs/terminus';
import {
  BackendService,
  CircuitBreakerRegistry,
  RateLimit,
  RateLimitDecision,
  RateLimitEvents,
  RateLimitModule,
  type Decision,
  type RateLimitEvent,
  type RateLimitModuleOptions,
} from 'nestjs-floodgate';
import { RateLimitHealthIndicator } from 'nestjs-floodgate/terminus';
import { failureReason } from '../../lib/contracts/failure-reason.js';
import { eventually } from '../support/eventually.js';
import { startHttpApp, type HttpApp, type Platform } from '../support/http-app.js';
import { RunningClock } from '../support/running-clock.js';
import type { Heard } from './heard.js';

/** Units for each key, in a bucket so slow that none comes back during a test. */
export const LIMIT = 20;

@Controller()
class LimitedController {
  constructor(
    @Inject(HealthCheckService) private readonly health: HealthCheckService,
    @Inject(RateLimitHealthIndicator) private readonly rateLimit: RateLimitHealthIndicator,
  ) {}

  @RateLimit({ name: 'api', limit: LIMIT, window: '10d', algorithm: 'token-bucket', key: 'header:x-client' })
  @Get('limited')
  limited(@RateLimitDecision() { kind, source, backend }: Decision): object {
    return { kind, source, backend };
  }

  @HealthCheck()
  @Get('health')
  check(): Promise<HealthCheckResult> {
    return this.health.check([() => this.rateLimit.isHealthy('rate-limit')]);
  }
}

/** What one request was answered. */
export interface Answer {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly rateLimit: string | null;
  /** What the route told of its decision; of a refusal, the body. */
  readonly body: { readonly kind?: string; readonly source?: string; readonly backend?: string };
  /** In time that this process ran. */
  readonly latencyMs: number;
}

const ATTEMPTS = 10;

/** Whether the first backend answered. Its refusals do not tell who decided. */
export const isOfStore = ({ status, body }: Answer): boolean =>
  status !== 503 && (body.source ?? 'primary') === 'primary';

/** An application with one limited route and a health check. */
export class FaultyApp implements AsyncDisposable {
  readonly events: RateLimitEvent[] = [];
  readonly #clock = new RunningClock();

  private constructor(
    private readonly http: HttpApp,
    /** Name of the backend that fails. */
    readonly backend: string,
  ) {
    http.app.get(RateLimitEvents).on((event) => {
      if (event.kind !== 'decision') this.events.push(event);
    });
  }

  /** @param backend name of the backend that fails: unique in this process, whose log is one for all applications */
  static async start(
    platform: Platform,
    backend: string,
    options: RateLimitModuleOptions,
    providers: readonly Provider[] = [],
  ): Promise<FaultyApp> {
    const module = {
      imports: [RateLimitModule.forRoot(options), TerminusModule.forRoot({ logger: false })],
      controllers: [LimitedController],
      providers: [RateLimitHealthIndicator, ...providers],
    };
    const http = await startHttpApp(platform, module, (app) => app.useLogger(LOG));
    return new FaultyApp(http, backend);
  }

  get url(): string {
    return this.http.url;
  }

  get service(): BackendService {
    return this.http.app.get(BackendService);
  }

  /** State of the circuit around the backend that fails. */
  get circuit(): string {
    return this.http.app.get(CircuitBreakerRegistry).get(`backend:${this.backend}`)?.status().state ?? 'none';
  }

  /** Asks again when a busy machine made another member of a failover late: then nobody could decide in time. */
  async ask(client: string): Promise<Answer> {
    for (let attempt = 1; ; attempt += 1) {
      const lateBefore = this.lateSpares();
      const answer = await this.askOnce(client);
      if (answer.status !== 503 || this.lateSpares() === lateBefore || attempt === ATTEMPTS) return answer;
    }
  }

  /** Does it again when a busy machine made that backend late: then it did not say what is wrong with it. */
  async inTime<T>(call: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      const lateBefore = this.lateCalls();
      const answer = await call();
      if (this.lateCalls() === lateBefore || attempt === ATTEMPTS) return answer;
    }
  }

  private async askOnce(client: string): Promise<Answer> {
    const startedMs = this.#clock.now();
    const response = await fetch(`${this.url}/limited`, { headers: { 'x-client': `${this.backend} ${client}` } });
    const body = (await response.json()) as Answer['body'];
    return {
      status: response.status,
      retryAfter: response.headers.get('retry-after'),
      rateLimit: response.headers.get('ratelimit'),
      body,
      latencyMs: this.#clock.now() - startedMs,
    };
  }

  /** Asks one after the other. */
  async askTimes(times: number, client: string): Promise<Answer[]> {
    const answers: Answer[] = [];
    for (let call = 0; call < times; call += 1) answers.push(await this.ask(client));
    return answers;
  }

  /**
   * Asks one after the other, for a key that has all answers from its store: one that came too late may have been
   * charged all the same. When a busy machine makes an answer late, it asks again with another key.
   */
  async askStore(times: number, name: string): Promise<{ client: string; answers: Answer[] }> {
    for (let attempt = 1; ; attempt += 1) {
      const client = `${name} ${attempt}`;
      const answers = await this.askTimes(times, client);
      if (answers.every(isOfStore) || attempt === ATTEMPTS) return { client, answers };
      await this.untilPrimary(`${client}: poll`);
    }
  }

  /** Asks until the first backend decides, each time for another key, so that no quota runs out. Returns all answers. */
  async untilPrimary(name = 'poll'): Promise<readonly Answer[]> {
    const answers: Answer[] = [];
    const asked = async (): Promise<boolean> => {
      const answer = await this.ask(`${name} ${answers.length}`);
      answers.push(answer);
      return answer.body.source === 'primary';
    };
    await eventually(asked, { what: `${this.backend} decides`, timeoutMs: 30_000 });
    return answers;
  }

  /** HTTP status of `/health` and its word. */
  async health(): Promise<readonly [number, string]> {
    const response = await fetch(`${this.url}/health`);
    const { status } = (await response.json()) as { status: string };
    return [response.status, status];
  }

  /** The same after a fault: a ping that a busy machine made late is asked again. Anything else that is wrong is told whole. */
  async healthAfterFault(): Promise<readonly [number, string]> {
    for (let attempt = 1; ; attempt += 1) {
      const [status, word, body] = await this.healthDetails();
      if (word === 'ok') return [status, word];
      if (!body.includes('DEADLINE_EXCEEDED') || attempt === ATTEMPTS) return [status, `${word}: ${body}`];
    }
  }

  /** The same, with the whole body. */
  async healthDetails(): Promise<readonly [number, string, string]> {
    const response = await fetch(`${this.url}/health`);
    const body = await response.text();
    return [response.status, (JSON.parse(body) as { status: string }).status, body];
  }

  /** What all applications logged so far. */
  lines(): readonly string[] {
    return LOG.lines;
  }

  /** What was logged of the backend that fails, by level. */
  logged(level: 'warn' | 'log'): readonly string[] {
    return LOG.lines.filter((line) => line.startsWith(`${level} Backend '${this.backend}'`));
  }

  /** How often something happened to the backend that fails, or to its breaker. */
  count(kind: 'backend-failure' | 'outage-started' | 'outage-ended' | 'half-open'): number {
    return this.events.filter((event) =>
      event.kind === 'breaker-transition'
        ? event.breaker === `backend:${this.backend}` && event.to === kind
        : event.kind === kind && 'backend' in event && event.backend === this.backend,
    ).length;
  }

  /** What was heard so far of the backend that fails. */
  heard(): Heard {
    return {
      failures: this.count('backend-failure'),
      warnings: this.logged('warn').length,
      returns: this.logged('log').length,
    };
  }

  /** What the failures of that backend said, each in one word. */
  reasons(): readonly string[] {
    const ofThatBackend = this.failures().filter(({ backend }) => backend === this.backend);
    return [...new Set(ofThatBackend.map(({ reason }) => reason))];
  }

  /** Every failed call of a backend, in order. */
  failures(): readonly { readonly backend: string; readonly reason: string }[] {
    return this.events.flatMap((event) =>
      event.kind === 'backend-failure' ? [{ backend: event.backend, reason: failureReason(event.error) }] : [],
    );
  }

  private lateSpares(): number {
    return this.late().filter(({ backend }) => backend !== this.backend).length;
  }

  private lateCalls(): number {
    return this.late().filter(({ backend }) => backend === this.backend).length;
  }

  private late(): readonly { readonly backend: string }[] {
    return this.failures().filter(({ reason }) => reason === 'DEADLINE_EXCEEDED');
  }

  close(): Promise<void> {
    this.#clock[Symbol.dispose]();
    return this.http.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Nest's log, kept instead of written. */
class KeptLog extends ConsoleLogger {
  readonly lines: string[] = [];

  override log(message: unknown): void {
    this.lines.push(`log ${String(message)}`);
  }

  override warn(message: unknown): void {
    this.lines.push(`warn ${String(message)}`);
  }

  override error(message: unknown): void {
    this.lines.push(`error ${String(message)}`);
  }
}

const LOG = new KeptLog();
