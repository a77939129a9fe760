import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Controller, Get, type ExecutionContext } from '@nestjs/common';
import { Redis } from 'ioredis';
import { BackendService, keyOf, RateLimit, RateLimitEvents, RateLimitModule, routeLimits } from 'nestjs-floodgate';
import { redisBackend } from 'nestjs-floodgate/redis';
import { startHttpApp } from '../../support/http-app.js';
import { RedisServer } from '../../support/redis-server.js';

const emailOf = (context: ExecutionContext): string =>
  String(context.switchToHttp().getRequest<{ headers: Record<string, unknown> }>().headers['x-email']);

@Controller()
class AccountController {
  @RateLimit(
    { name: 'address', rate: '9/m' },
    { name: 'email', rate: '9/m', key: emailOf },
    { name: 'both', rate: '9/m', key: ['ip', emailOf], blockFor: '1m', cost: 9 },
  )
  @Get()
  show(): string {
    return 'account';
  }
}

/** What identifies the caller of these tests, in any command, event or key. */
const PERSONAL = /127\.0\.0\.1|ann@example\.org|user:42/;

/** What every subscriber of ioredis' tracing sees of commands in the meantime. */
async function tracedDuring(act: () => Promise<void>): Promise<string> {
  const seen: string[] = [];
  const onCommand = (message: unknown): void => {
    const { command, args } = message as { command: string; args: readonly unknown[] };
    seen.push([command, ...args.map(String)].join(' '));
  };
  subscribe('tracing:ioredis:command:start', onCommand);
  try {
    await act();
    return seen.join('\n');
  } finally {
    unsubscribe('tracing:ioredis:command:start', onCommand);
  }
}

describe('keys in Redis', () => {
  let server: RedisServer;
  let client: Redis;
  beforeAll(async () => {
    server = await RedisServer.start();
    client = new Redis(server.url);
  });
  afterAll(async () => {
    client.disconnect();
    await server.stop();
  });

  /** Everything that leaves the limiter while an account is shown twice and unlocked: stored, traced, emitted. */
  async function leftBehind(
    hashKeys: boolean | { secret: string },
  ): Promise<{ stored: string; traced: string; events: string }> {
    await client.flushall();
    const events: unknown[] = [];
    const traced = await tracedDuring(async () => {
      await using app = await startHttpApp('express', {
        imports: [RateLimitModule.forRoot({ backend: redisBackend({ client }), hashKeys, timeout: '10s' })],
        controllers: [AccountController],
      });
      app.app.get(RateLimitEvents).on((event) => events.push(event));
      const init = { headers: { 'x-email': 'ann@example.org' } };
      expect((await fetch(app.url, init)).status).toBe(200);
      expect((await fetch(app.url, init)).status).toBe(429);
      const service = app.app.get(BackendService);
      await service.consume(keyOf.user(42), '9/m');
      await service.peek(keyOf.user(42), '9/m');
      await service.refund('ann@example.org', routeLimits(AccountController, 'show', 'email'));
      await service.reset(
        keyOf.composed(keyOf.ip('127.0.0.1'), 'ann@example.org'),
        routeLimits(AccountController, 'show', 'both'),
      );
      expect((await fetch(app.url, init)).status).toBe(200);
    });
    const stored = (await client.keys('*')).join('\n');
    return { stored, traced, events: JSON.stringify(events) };
  }

  it('are the callers’ own by default, in the store and in a trace of its commands', async () => {
    const { stored, traced } = await leftBehind(false);
    expect(stored).toMatch(PERSONAL);
    expect(traced).toMatch(PERSONAL);
  });

  it.each([[true], [{ secret: 'a long random text' }]])('are keyed hashes only with hashKeys %j', async (hashKeys) => {
    const { stored, traced, events } = await leftBehind(hashKeys);
    expect(traced).toMatch(/^evalsha? /im);
    expect(traced).toContain('hmac:');
    expect(stored.split('\n').length).toBeGreaterThanOrEqual(3);
    for (const text of [stored, traced, events]) expect(text).not.toMatch(PERSONAL);
  });
});
