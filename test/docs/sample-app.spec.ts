import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { CircuitBreakerRegistry, memoryBackend, RATE_LIMIT_OPTIONS } from 'nestjs-floodgate';
import { AppModule } from '../../sample-app/src/app.module.js';
import { Outage } from '../../sample-app/src/demo/outage.js';
import { withOutage } from '../../sample-app/src/demo/outage.backend.js';
import { rateLimitOptions } from '../../sample-app/src/rate-limit.settings.js';
import { serveTills } from '../../sample-app/src/tills/tills.server.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import type { HttpApp } from '../support/http-app.js';
import { RedisServer } from '../support/redis-server.js';
import { startSample } from '../support/sample-app.js';
import { curl, stepsOf, timeless, type Step } from './console-session.js';
import { ROOT, textOf } from './markdown.js';

/** The time at which the walk-through of limits was written down. */
const NOW_MS = Date.UTC(2026, 10, 21, 10, 20, 18, 100);

/** What a section of the walk-through types in and prints. */
function sessionOf(heading: string): readonly Step[] {
  const [, section = ''] = textOf('sample-app/README.md').split(`# ${heading}\n`);
  const [own = ''] = section.split(/^##+ /m);
  return [...own.matchAll(/^```console\n(.*?)^```$/gms)].flatMap(([, text = '']) => stepsOf(text));
}

/** The sample on memory, for which no time passes. */
async function sampleAtRest(): Promise<INestApplication> {
  const optionsFor = (outage: Outage): object => ({
    ...rateLimitOptions({}),
    backend: withOutage(memoryBackend({ clock: () => NOW_MS }), outage),
  });
  const module = Test.createTestingModule({ imports: [AppModule] })
    .overrideProvider(RATE_LIMIT_OPTIONS)
    .useFactory({ factory: optionsFor, inject: [Outage] });
  return (await module.compile()).createNestApplication();
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
    const app = await sampleAtRest();
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

  it('of GraphQL, WebSocket and TCP, in an outage too', async () => {
    const app = await sampleAtRest();
    const tillsPort = await freePort();
    try {
      await serveTills(app, tillsPort);
      await app.listen(0, '127.0.0.1');
      const url = await app.getUrl();
      const env = { ...process.env, NODE_OPTIONS: '', PORT: new URL(url).port, TILLS_PORT: String(tillsPort) };
      const run = async (command: string): Promise<string> => {
        if (command.startsWith('curl')) return curl(command, url);
        const [program = '', ...words] = command.split(' ');
        expect(program).toBe('node');
        const { stdout, stderr } = await promisify(execFile)(process.execPath, words, { cwd: ROOT, env });
        expect(stderr).toBe('');
        return stdout.trim();
      };
      const steps = [...sessionOf('GraphQL, WebSocket and TCP'), ...sessionOf('The same in an outage')];
      expect(steps.length).toBeGreaterThan(10);
      for (const { command, output } of steps) {
        expect(`$ ${command}\n${timeless(await run(command))}`).toBe(`$ ${command}\n${timeless(output)}`);
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
