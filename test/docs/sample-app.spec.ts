import { Test } from '@nestjs/testing';
import { CircuitBreakerRegistry, memoryBackend, RATE_LIMIT_OPTIONS } from 'nestjs-floodgate';
import { AppModule } from '../../sample-app/src/app.module.js';
import { rateLimitOptions } from '../../sample-app/src/rate-limit.settings.js';
import { eventually } from '../support/eventually.js';
import { type HttpApp, startHttpApp } from '../support/http-app.js';
import { RedisServer } from '../support/redis-server.js';
import { curl, stepsOf, timeless, type Step } from './console-session.js';
import { textOf } from './markdown.js';

/** What a section of the walk-through types in and prints. */
function sessionOf(heading: string): readonly Step[] {
  const [, section = ''] = textOf('sample-app/README.md').split(`# ${heading}\n`);
  const [own = ''] = section.split(/^##+ /m);
  return [...own.matchAll(/^```console\n(.*?)^```$/gms)].flatMap(([, text = '']) => stepsOf(text));
}

async function startSample(env: Readonly<Record<string, string>>): Promise<HttpApp> {
  const before = process.env;
  process.env = { ...before, ...env };
  try {
    return await startHttpApp('express', AppModule);
  } finally {
    process.env = before;
  }
}

/** Runs a session; commands that are no curl are given to `other`. */
async function replay(app: HttpApp, steps: readonly Step[], other: (command: string) => Promise<void>): Promise<void> {
  expect(steps.length).toBeGreaterThan(2);
  for (const { command, output } of steps) {
    if (!command.includes('curl')) {
      await other(command);
      continue;
    }
    expect(`$ ${command}\n${timeless(await curl(command, app.url))}`).toBe(`$ ${command}\n${timeless(output)}`);
  }
}

/** Lets an open circuit be due: what was slept for, without the sleep. */
function endRest(app: HttpApp, breaker: string): void {
  // A probe without a deadline of its own is waited for as long as the rest: on a busy machine 1 ms is too short.
  app.app.get(CircuitBreakerRegistry).configure(breaker, { recoveryTimeout: 1, callTimeout: '10s' });
}

describe("the sample application's walk-through prints what its page says", () => {
  it('of limits, times included', async () => {
    const nowMs = Date.UTC(2026, 10, 21, 10, 20, 18, 100);
    const options = { ...rateLimitOptions({}), backend: memoryBackend({ clock: () => nowMs }) };
    const module = Test.createTestingModule({ imports: [AppModule] }).overrideProvider(RATE_LIMIT_OPTIONS);
    const app = (await module.useValue(options).compile()).createNestApplication();
    try {
      await app.listen(0, '127.0.0.1');
      const url = await app.getUrl();
      for (const { command, output } of sessionOf('Limits')) {
        expect(`$ ${command}\n${await curl(command, url)}`).toBe(`$ ${command}\n${output}`);
      }
    } finally {
      await app.close();
    }
  });

  it('of a partner that fails', async () => {
    await using app = await startSample({});
    await replay(app, sessionOf('A partner that fails'), async (command) => {
      expect(command).toBe('sleep 5');
      endRest(app, 'warehouse');
    });
  });

  it('of Redis that goes down and comes back', async () => {
    await using redis = await RedisServer.start();
    await using app = await startSample({ REDIS_URL: redis.url });
    await replay(app, sessionOf('Redis goes down and comes back'), async (command) => {
      if (command.startsWith('redis-server')) return redis.running ? undefined : redis.restart();
      if (command.startsWith('kill -9')) return redis.kill();
      expect(command).toBe('sleep 5');
      endRest(app, 'backend:redis');
      // The server is there again at once, a connection to it within a second or so.
      await eventually(async () => (await fetch(`${app.url}/health`)).status === 200, { timeoutMs: 10_000 });
    });
  });

  it('of Redis that goes down under failure mode open', async () => {
    await using redis = await RedisServer.start();
    await using app = await startSample({ REDIS_URL: redis.url, FAILURE_MODE: 'open' });
    await eventually(async () => (await fetch(`${app.url}/books`)).headers.has('ratelimit'), {
      what: 'Redis is there',
    });
    await replay(app, sessionOf('The same, failing open'), () => redis.kill());
  });
});
