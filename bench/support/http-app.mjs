// One application of the HTTP benchmark: what limits it, on which platform, with counters in which store. The benchmark
// runs this file in a process for each contender.
import 'reflect-metadata';
import { Session } from 'node:inspector';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const { CONTENDER: contender, PLATFORM: platform, REDIS_PORT: redisPort, LIMIT: limitText } = process.env;
const { DIST: dist = new URL('../../dist/', import.meta.url).href } = process.env;
const limit = Number(limitText);
const WINDOW_MS = 3_600_000;
/** The headers that this package sets. */
const HEADERS = Object.entries({
  'RateLimit-Policy': '"api";q=1000000000;w=3600',
  RateLimit: '"api";r=999999998;t=3600',
});
const REFUSED = [...HEADERS, ['Retry-After', '3600']];

// Throttler finds the Nest beside itself; everybody else uses the one of the package. Both are of one version.
const from = createRequire(
  new URL(contender.startsWith('throttler') ? '../package.json' : '../../package.json', import.meta.url),
);
const load = (name) => import(pathToFileURL(from.resolve(name)));
const here = createRequire(import.meta.url);

const { Controller, Get, HttpException, Module } = await load('@nestjs/common');
const { APP_GUARD, NestFactory } = await load('@nestjs/core');

class Cats {
  all() {
    return 'all';
  }
}
Get()(Cats.prototype, 'all', Object.getOwnPropertyDescriptor(Cats.prototype, 'all'));
Controller()(Cats);

/** What an application needs to be limited by each contender. */
const contenders = {
  bare: () => ({}),
  'a guard that always passes': () => guarded({ canActivate: () => true }),
  "Nest's own 429": () => guarded({ canActivate: refuse }),
  'no limiter, the same headers': async () => guarded(await headersAlone()),
  'a guard that waits for Redis': async () => guarded({ canActivate: await questionToRedis() }),
  'nestjs-floodgate': async () => {
    const { RateLimitModule } = await import(`${dist}esm/index.js`);
    const backend = redisPort && (await redisCounters());
    const policies = { api: { limit, window: WINDOW_MS } };
    return { imports: [RateLimitModule.forRoot({ policies, apply: ['api'], ...(backend && { backend }) })] };
  },
  middleware: () => ({ prepare: platform === 'express' ? expressRateLimit : fastifyRateLimit }),
  throttler: async () => {
    const { ThrottlerGuard, ThrottlerModule } = await import('@nestjs/throttler');
    const { ThrottlerStorageRedisService } = here('@nest-lab/throttler-storage-redis');
    const storage = redisPort && new ThrottlerStorageRedisService(await redis());
    const throttlers = [{ ttl: WINDOW_MS, limit }];
    return {
      imports: [ThrottlerModule.forRoot({ throttlers, ...(storage && { storage }) })],
      providers: [{ provide: APP_GUARD, useClass: ThrottlerGuard }],
    };
  },
};

function guarded(guard) {
  return { providers: [{ provide: APP_GUARD, useValue: guard }] };
}

function refuse() {
  throw new HttpException('Too Many Requests', 429);
}

/** What any limiter with these headers does at least: it sets them, and a call that passes has waited for Redis. */
async function headersAlone() {
  if (limit === 1) {
    return {
      canActivate(context) {
        setHeaders(context, REFUSED);
        return refuse();
      },
    };
  }
  const admits = redisPort ? await questionToRedis() : undefined;
  const passes = (context) => {
    setHeaders(context, HEADERS);
    return true;
  };
  return { canActivate: admits ? async (context) => (await admits()) && passes(context) : passes };
}

function setHeaders(context, headers) {
  const response = context.switchToHttp().getResponse();
  for (const [name, value] of headers) {
    if (platform === 'express') response.setHeader(name, value);
    else response.header(name, value);
  }
}

/** A function that waits for the fastest answer of Redis. */
async function questionToRedis() {
  const client = await redis();
  const sha = await client.script('LOAD', 'return 1');
  return async () => (await client.evalsha(sha, 1, 'key')) === 1;
}

async function redisCounters() {
  const { redisBackend } = await import(`${dist}esm/backends/redis/index.js`);
  return redisBackend({ url: `redis://127.0.0.1:${redisPort}` });
}

async function redis() {
  const { Redis } = await import('ioredis');
  return new Redis(Number(redisPort), { enableReadyCheck: false });
}

async function expressRateLimit(app) {
  const { rateLimit } = await import('express-rate-limit');
  const { RedisStore } = await import('rate-limit-redis');
  const client = redisPort && (await redis());
  const store = client && new RedisStore({ sendCommand: (...args) => client.call(...args) });
  app.use(
    rateLimit({
      windowMs: WINDOW_MS,
      limit,
      standardHeaders: 'draft-8',
      legacyHeaders: false,
      ...(store && { store }),
    }),
  );
}

async function fastifyRateLimit(app) {
  const { default: plugin } = await import('@fastify/rate-limit');
  // Nest makes a 500 of its own error.
  const errorResponseBuilder = () => new HttpException('Too Many Requests', 429);
  const store = redisPort && { redis: await redis() };
  await app.register(plugin, { max: limit, timeWindow: WINDOW_MS, errorResponseBuilder, ...store });
}

const { imports = [], providers = [], prepare } = await contenders[contender]();
class App {}
Module({ imports, providers, controllers: [Cats] })(App);
const adapter = [];
if (platform === 'fastify') {
  const { FastifyAdapter } = await load('@nestjs/platform-fastify');
  adapter.push(new FastifyAdapter());
}
const app = await NestFactory.create(App, ...adapter, { logger: false });
await prepare?.(app);
await app.listen(0, '127.0.0.1');
// Connections wait while others take their turns.
app.getHttpServer().keepAliveTimeout = 0;

const inspector = new Session();
inspector.connect();
const tell = (method) => new Promise((resolve) => inspector.post(method, (_error, result) => resolve(result)));

let before = process.cpuUsage();
/** What the benchmark asks for: the processor time since it last asked, or a profile. */
const answers = {
  'processor time': () => {
    const { user, system } = process.cpuUsage(before);
    before = process.cpuUsage();
    return user + system;
  },
  'start profile': async () => {
    await tell('Profiler.enable');
    await tell('Profiler.start');
    return 'started';
  },
  'stop profile': async () => (await tell('Profiler.stop')).profile,
};
process.on('message', async (asked) => process.send(await answers[asked]()));
process.on('disconnect', () => process.exit());
process.send(app.getHttpServer().address().port);
