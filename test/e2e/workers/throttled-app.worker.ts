import { randomUUID } from 'node:crypto';
import { type CanActivate, Controller, Get, type Type } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import {
  SkipThrottle,
  Throttle,
  ThrottlerGuard,
  ThrottlerModule,
  type ThrottlerModuleOptions,
  type ThrottlerStorage,
} from '@nestjs/throttler';
import { postgresBackend } from '../../../lib/backends/postgres/index.js';
import { redisBackend } from '../../../lib/backends/redis/index.js';
import { type Backend, BackendService, type FailureMode, memoryBackend, RateLimitModule } from '../../../lib/index.js';
import { FloodgateThrottlerStorage } from '../../../lib/integrations/throttler/index.js';
import { type Platform, startHttpApp } from '../../support/http-app.js';
import { manualClock } from '../../support/manual-clock.js';

/** One call, after so many ms: of the set clock, or of real time where the store has its own. */
export interface Step {
  readonly get: string;
  readonly after?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Scenario {
  readonly app: keyof typeof APPS;
  /** Where hits are counted: this process on a set clock, a Redis or PostgreSQL, or the module's `BackendService` over that. */
  readonly store: { readonly url?: string; readonly injected?: boolean };
  readonly failureMode?: FailureMode;
  /** Deadline of a call to the store. Default 5 s. */
  readonly timeout?: string;
  readonly steps: readonly Step[];
}

export interface ThrottledAppInput {
  readonly platform: Platform;
  readonly scenarios: Readonly<Record<string, Scenario>>;
}

@Controller()
class PlainController {
  @Get()
  plain(): string {
    return 'plain';
  }

  @Get('other')
  other(): string {
    return 'other';
  }

  @SkipThrottle()
  @Get('skipped')
  skipped(): string {
    return 'skipped';
  }

  @SkipThrottle({ default: false, short: true })
  @Get('skip-short')
  skipShort(): string {
    return 'skip-short';
  }

  @SkipThrottle({ default: true, long: true })
  @Get('skip-default-and-long')
  skipDefaultAndLong(): string {
    return 'skip-default-and-long';
  }
}

@Throttle({ default: { limit: 2, ttl: 50_000 } })
@Controller('limited')
class LimitedController {
  @Get()
  byClass(): string {
    return 'by class';
  }

  @Throttle({ default: { limit: 5, ttl: 150_000 } })
  @Get('higher')
  byMethod(): string {
    return 'by method';
  }

  @Throttle({ default: { limit: 1, ttl: 60_000, blockDuration: 1_000 } })
  @Get('blocking')
  blocking(): string {
    return 'blocking';
  }

  @Throttle({ default: { limit: () => 1, ttl: () => 60_000, blockDuration: 0 } })
  @Get('plain')
  withoutBlock(): string {
    return 'without block';
  }
}

const APPS = {
  one: { throttlers: [{ limit: 3, ttl: 100_000, ignoreUserAgents: [/friendly/] }] },
  named: {
    throttlers: [
      { name: 'short', limit: 1, ttl: 10_000 },
      { limit: 2, ttl: 50_000 },
      { name: 'long', limit: 5, ttl: 600_000 },
    ],
  },
  skipping: { throttlers: [{ limit: 1, ttl: 60_000 }], skipIf: () => true },
  tracked: {
    throttlers: [{ limit: 2, ttl: 60_000 }],
    getTracker: (request) => String((request['headers'] as Record<string, string>)['x-user']),
    generateKey: (_context, tracker) => tracker,
  },
} satisfies Record<string, Exclude<ThrottlerModuleOptions, readonly unknown[]>>;

const guard = { provide: APP_GUARD, useClass: ThrottlerGuard satisfies Type<CanActivate> };

/** Runs scenarios, each on an application of its own. Answers what each call got, by the scenario's name. */
export default async function ({ platform, scenarios }: ThrottledAppInput): Promise<Record<string, readonly Answer[]>> {
  const transcripts: Record<string, readonly Answer[]> = {};
  for (const [name, scenario] of Object.entries(scenarios)) transcripts[name] = await run(platform, scenario);
  return transcripts;
}

async function run(platform: Platform, scenario: Scenario): Promise<Answer[]> {
  const { app: name, store, failureMode, timeout = '5s', steps } = scenario;
  const clock = manualClock();
  const backend = store.url === undefined ? memoryBackend({ clock }) : backendAt(store.url);
  const options = { backend, timeout, ...(failureMode !== undefined && { failureMode }) };
  const throttled = (storage: ThrottlerStorage): ThrottlerModuleOptions => ({ ...APPS[name], storage });
  const imports = store.injected
    ? [
        RateLimitModule.forRoot(options),
        ThrottlerModule.forRootAsync({
          inject: [BackendService],
          useFactory: (service: BackendService) => throttled(new FloodgateThrottlerStorage(service)),
        }),
      ]
    : [ThrottlerModule.forRoot(throttled(new FloodgateThrottlerStorage(options)))];
  await using app = await startHttpApp(platform, {
    imports,
    controllers: [PlainController, LimitedController],
    providers: [guard],
  });
  const answers: Answer[] = [];
  for (const { get, after = 0, headers = {} } of steps) {
    if (store.url === undefined) clock.advance(after);
    else await new Promise((resolve) => setTimeout(resolve, after));
    answers.push(await answerOf(await fetch(app.url + get, { headers })));
  }
  return answers;
}

async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  const body: unknown = response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : text;
  return { status: response.status, body, headers: Object.fromEntries(response.headers) };
}

/** A backend with counters of its own on a server. */
const backendAt = (url: string): Backend =>
  url.startsWith('postgres:')
    ? postgresBackend({ connectionString: url, schema: randomUUID() })
    : redisBackend({ url, keyPrefix: `${randomUUID()}:` });
