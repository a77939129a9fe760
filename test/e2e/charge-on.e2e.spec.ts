import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { setTimeout as after } from 'node:timers/promises';
import {
  type ArgumentsHost,
  Body,
  Catch,
  Controller,
  type ExceptionFilter,
  Get,
  Logger,
  NotFoundException,
  Param,
  Post,
  Res,
  StreamableFile,
  UnauthorizedException,
  UseFilters,
} from '@nestjs/common';
import { jest } from '@jest/globals';
import { HttpAdapterHost } from '@nestjs/core';
import {
  type Backend,
  BackendService,
  BackendUnavailableError,
  type CallOutcome,
  memoryBackend,
  type PolicyOptions,
  RateLimit,
  RateLimitModule,
  type RateLimitModuleOptions,
} from 'nestjs-floodgate';
import { eventually } from '../support/eventually.js';
import { type HttpApp, platforms, startHttpApp, type Platform } from '../support/http-app.js';

const LIMIT = 5;

/** What happened in the application. */
class Seen {
  /** Handlers that were entered. */
  calls = 0;
  /** Held calls whose response is over. */
  gone = 0;
  readonly judged: CallOutcome[] = [];
  readonly waiting: (() => void)[] = [];
}

@Catch(NotFoundException)
class FoundFilter implements ExceptionFilter {
  constructor(private readonly host: HttpAdapterHost) {}

  catch(_error: unknown, call: ArgumentsHost): void {
    this.host.httpAdapter.reply(call.switchToHttp().getResponse(), { found: false }, 200);
  }
}

function controllerOf(seen: Seen) {
  @RateLimit('judged')
  @Controller()
  class AccountsController {
    @Post('login')
    async login(@Body('password') password: string): Promise<string> {
      seen.calls += 1;
      await after(5);
      if (password !== 'right') throw new UnauthorizedException();
      return 'welcome';
    }

    @Get('rows/:count')
    rows(@Param('count') count: string): object[] {
      return Array.from({ length: Number(count) }, () => ({}));
    }

    @Get('held')
    async held(
      @Res({ passthrough: true }) response: ServerResponse & { readonly raw?: ServerResponse },
    ): Promise<string> {
      (response.raw ?? response).once('close', () => {
        seen.gone += 1;
      });
      await new Promise<void>((resolve) => seen.waiting.push(resolve));
      return 'done';
    }

    @UseFilters(FoundFilter)
    @Get('filtered')
    filtered(): never {
      throw new NotFoundException();
    }

    @Get('stream/:how')
    stream(@Param('how') how: string): StreamableFile {
      const body = async function* () {
        yield Buffer.from('first');
        await after(20);
        if (how === 'broken') throw new Error('broken midway');
        yield Buffer.from('last');
      };
      return new StreamableFile(Readable.from(body()));
    }
  }
  return AccountsController;
}

interface Judged extends AsyncDisposable {
  readonly http: HttpApp;
  readonly seen: Seen;
  /** Units that are left. */
  left(): Promise<number>;
  statusOf(path: string, init?: RequestInit): Promise<number>;
}

async function start(
  platform: Platform,
  policy: Partial<PolicyOptions>,
  options: Partial<RateLimitModuleOptions> = {},
): Promise<Judged> {
  const seen = new Seen();
  const { chargeOn } = policy;
  const judge =
    typeof chargeOn === 'function'
      ? (outcome: CallOutcome) => {
          seen.judged.push(outcome);
          return chargeOn(outcome);
        }
      : chargeOn;
  const judged: PolicyOptions = { limit: LIMIT, window: '1h', key: 'global', ...policy };
  const http = await startHttpApp(platform, {
    imports: [
      RateLimitModule.forRoot({
        ...options,
        policies: { judged: { ...judged, ...(judge !== undefined && { chargeOn: judge }) }, plain: '100/h' },
      }),
    ],
    controllers: [controllerOf(seen)],
  });
  return {
    http,
    seen,
    left: async () => (await http.app.get(BackendService).peek('global', 'judged')).policies[0]!.remaining,
    statusOf: async (path, init = {}) => {
      const response = await fetch(`${http.url}/${path}`, init);
      await response.arrayBuffer().catch(() => undefined);
      return response.status;
    },
    [Symbol.asyncDispose]: () => http.close(),
  };
}

const attempt = (password: string): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ password }),
});

const down: Backend = {
  ...memoryBackend(),
  name: 'down',
  consume() {
    throw new BackendUnavailableError({ backend: 'down', retryAfterMs: 1000 });
  },
  peek: () => ({ allowed: true, nowMs: 0, policies: [] }),
  refund() {
    throw new Error('nothing was reserved');
  },
  reset: () => undefined,
  ping: () => undefined,
  close: () => undefined,
};

describe.each(platforms)('a policy with chargeOn on %s', (platform) => {
  it('lets as many of parallel wrong passwords be tried as it has units', async () => {
    await using app = await start(platform, { chargeOn: 'failure' });
    const tries = Array.from({ length: 50 }, () => app.statusOf('login', attempt('wrong')));
    const statuses = await Promise.all(tries);
    expect(statuses.filter((status) => status === 401)).toHaveLength(LIMIT);
    expect(statuses.filter((status) => status === 429)).toHaveLength(50 - LIMIT);
    expect(app.seen.calls).toBe(LIMIT);
    expect(await app.left()).toBe(0);
  });

  it('charges failures alone: a right password is free, and an exhausted key is refused', async () => {
    await using app = await start(platform, { chargeOn: 'failure', cost: 2 });
    for (let call = 0; call < 2 * LIMIT; call += 1) {
      expect(await app.statusOf('login', attempt('right'))).toBe(201);
      await eventually(async () => (await app.left()) === LIMIT);
    }
    expect(await app.statusOf('login', attempt('wrong'))).toBe(401);
    expect(await app.statusOf('login', attempt('wrong'))).toBe(401);
    expect(await app.statusOf('login', attempt('right'))).toBe(429);
    expect(await app.left()).toBe(1);
  });

  it('charges successes alone', async () => {
    await using app = await start(platform, { chargeOn: 'success' });
    expect(await app.statusOf('login', attempt('wrong'))).toBe(401);
    await eventually(async () => (await app.left()) === LIMIT);
    expect(await app.statusOf('login', attempt('right'))).toBe(201);
    expect(await app.left()).toBe(LIMIT - 1);
  });

  it('charges the number that a function answers, into debt', async () => {
    await using app = await start(platform, {
      limit: 100,
      algorithm: 'token-bucket',
      chargeOn: ({ result }) => (result as unknown[]).length,
    });
    expect(await app.statusOf('rows/40')).toBe(200);
    await eventually(async () => (await app.left()) === 60);
    expect(await app.statusOf('rows/0')).toBe(200);
    await eventually(async () => (await app.left()) === 60);
    expect(await app.statusOf('rows/250')).toBe(200);
    await eventually(async () => (await app.left()) === 0);
    const refused = await fetch(`${app.http.url}/rows/1`);
    expect(refused.status).toBe(429);
    // 191 units at 100 an hour.
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(6_800);
    expect(app.seen.judged.map(({ status }) => status)).toEqual([200, 200, 200]);
  });

  it('judges by the status that the client got, once, with the error', async () => {
    await using app = await start(platform, { chargeOn: ({ status = 0 }) => status >= 400 });
    expect(await app.statusOf('filtered')).toBe(200);
    await eventually(async () => (await app.left()) === LIMIT);
    expect(await app.statusOf('login', attempt('wrong'))).toBe(401);
    await eventually(() => app.seen.judged.length === 2);
    expect(app.seen.judged).toEqual([
      { status: 200, error: expect.any(NotFoundException) as unknown },
      { status: 401, error: expect.any(UnauthorizedException) as unknown },
    ]);
    expect(await app.left()).toBe(LIMIT - 1);
  });

  it('keeps the charge of a client that hangs up before the answer', async () => {
    await using app = await start(platform, { chargeOn: () => false });
    const client = new AbortController();
    const hungUp = app.statusOf('held', { signal: client.signal }).catch(() => 'hung up');
    await eventually(() => app.seen.waiting.length === 1);
    client.abort();
    expect(await hungUp).toBe('hung up');
    await eventually(() => app.seen.gone === 1);
    app.seen.waiting[0]!();
    expect(await app.statusOf('rows/1')).toBe(200);
    await eventually(() => app.seen.judged.length > 0);
    expect(app.seen.judged).toEqual([{ status: 200, result: [{}] }]);
    expect(await app.left()).toBe(LIMIT - 1);
  });

  it('takes a stream that breaks midway for a failure, and one that ends for none', async () => {
    await using app = await start(platform, { chargeOn: 'failure' });
    expect(await app.statusOf('stream/whole')).toBe(200);
    await eventually(async () => (await app.left()) === LIMIT);
    await app.statusOf('stream/broken').catch(() => undefined);
    expect(await app.statusOf('stream/whole')).toBe(200);
    await eventually(async () => (await app.left()) === LIMIT - 1);
  });

  it('gives the judge what broke a stream', async () => {
    await using app = await start(platform, { chargeOn: () => true });
    await app.statusOf('stream/broken').catch(() => undefined);
    await eventually(() => app.seen.judged.length === 1);
    expect(app.seen.judged[0]).toMatchObject({ status: 200, error: { message: 'broken midway' } });
  });

  it('keeps the charge where the function throws, and logs it once', async () => {
    const logged = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    try {
      await using app = await start(platform, {
        chargeOn: () => {
          throw new Error('no verdict');
        },
      });
      expect(await app.statusOf('rows/1')).toBe(200);
      expect(await app.statusOf('rows/1')).toBe(200);
      await eventually(() => app.seen.judged.length === 2);
      expect(await app.left()).toBe(LIMIT - 2);
      const lines = logged.mock.calls.filter(([line]) => String(line).includes('chargeOn'));
      expect(lines).toEqual([["Policy 'judged': chargeOn failed, and its calls stay charged: no verdict"]]);
    } finally {
      logged.mockRestore();
    }
  });

  it('judges nothing where nothing was reserved: a refusal, and failure mode open in an outage', async () => {
    await using full = await start(platform, { limit: 0, chargeOn: () => true });
    expect(await full.statusOf('rows/1')).toBe(429);
    expect(full.seen.judged).toEqual([]);
    await using open = await start(platform, { chargeOn: () => 100 }, { backend: down, failureMode: 'open' });
    expect(await open.statusOf('rows/1')).toBe(200);
    expect(await open.statusOf('login', attempt('wrong'))).toBe(401);
    expect(open.seen.judged).toEqual([]);
  });

  it('leaves the charges of other policies of the call alone', async () => {
    await using app = await start(platform, { chargeOn: 'failure' }, { apply: ['plain'], key: () => 'global' });
    expect(await app.statusOf('rows/1')).toBe(200);
    await eventually(async () => (await app.left()) === LIMIT);
    const { policies } = await app.http.app.get(BackendService).peek('global', 'plain');
    expect(policies[0]!.remaining).toBe(99);
  });
});
