import { setMaxListeners } from 'node:events';
import { type INestApplicationContext, Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  BackendService,
  Paced,
  type PolicyOptions,
  RateLimitExceededException,
  RateLimitModule,
} from 'nestjs-floodgate';
import { redisBackend } from 'nestjs-floodgate/redis';
import { spawnWorkers } from '../../support/child-process.js';
import { RedisServer } from '../../support/redis-server.js';
import { RunningClock } from '../../support/running-clock.js';
import type waiting from './workers/waiting.worker.js';

const WAITERS = 100;
const PER_SECOND = 10;
/** What is admitted at once goes by the algorithm; what comes after is paced. */
const idealMs = (atOnce: number, perSecond = PER_SECOND): number => ((WAITERS - atOnce) * 1_000) / perSecond;
const tell = (...figures: unknown[]): void => {
  if (process.env['FIGURES'] !== undefined) console.log(...figures);
};

@Injectable()
class Partner {
  answer: Error | undefined;

  @Paced('partner', { key: () => 'partner', maxWait: '20s' })
  async push(): Promise<void> {
    if (this.answer !== undefined) throw this.answer;
    return Promise.resolve();
  }
}

let redis: RedisServer;
const started: INestApplicationContext[] = [];

beforeAll(async () => (redis = await RedisServer.start()));

afterEach(async () => {
  await Promise.all(started.splice(0).map((app) => app.close()));
  await redis.exec('FLUSHALL');
});

afterAll(() => redis.stop());

async function join() {
  const app = await Test.createTestingModule({
    imports: [
      RateLimitModule.forRoot({
        backend: redisBackend({ url: redis.url }),
        policies: { partner: { rate: '1000/s', algorithm: 'token-bucket' } },
        timeout: '10s',
      }),
    ],
    providers: [Partner],
  }).compile();
  await app.init();
  started.push(app);
  return { service: app.get(BackendService), partner: app.get(Partner) };
}

/** Decisions that the store made. */
async function decisions(): Promise<number> {
  const { evalsha = 0, eval: evaluated = 0 } = await redis.commandStats();
  return evalsha + evaluated;
}

it.each<readonly [string, PolicyOptions, number]>([
  ['a bucket that gives one at once', { algorithm: 'token-bucket', burst: 1 }, 1],
  ['windows, which give ten at once', { algorithm: 'strict-window' }, PER_SECOND],
])('100 waiters of 10/s are admitted in order and in time, with a call each, by %s', async (_what, given, atOnce) => {
  const { service } = await join();
  const policy: PolicyOptions = { rate: `${PER_SECOND}/s`, ...given };
  await service.peek('partner', policy);
  await redis.resetStats();
  const startedMs = performance.now();
  using clock = new RunningClock();
  const order: number[] = [];
  await Promise.all(
    Array.from({ length: WAITERS }, async (_none, index) => {
      await service.waitFor('partner', policy, { maxWait: '2m' });
      order.push(index);
    }),
  );
  const tookMs = performance.now() - startedMs;
  const calls = await decisions();
  tell(`${given.algorithm}: ${Math.round(tookMs)} ms, ideal ${idealMs(atOnce)} ms, ${calls} calls to the store`);
  expect(order).toEqual(Array.from({ length: WAITERS }, (_none, index) => index));
  expect(calls).toBeLessThanOrEqual(110);
  expect(tookMs).toBeGreaterThan(idealMs(atOnce) * 0.9);
  // Within 10 % on a machine that is not busy.
  expect(clock.now()).toBeLessThan(idealMs(atOnce) * 2);
});

it('four processes keep the pace together', async () => {
  const perSecond = 25;
  const policy: PolicyOptions = { rate: `${perSecond}/s`, algorithm: 'token-bucket', burst: 1 };
  const worker = new URL('./workers/waiting.worker.ts', import.meta.url);
  const input = { url: redis.url, policy, waiters: WAITERS / 4 };
  await redis.resetStats();
  const admitted = (await spawnWorkers<typeof waiting>(4, worker, input)).flat();
  const tookMs = Math.max(...admitted) - Math.min(...admitted);
  const calls = await decisions();
  tell(`four processes: ${tookMs} ms, ideal ${idealMs(1, perSecond)} ms, ${calls} calls to the store`);
  expect(admitted).toHaveLength(WAITERS);
  // The first in line of each process asks for every unit.
  expect(calls).toBeLessThanOrEqual(4 * 1.1 * WAITERS);
  expect(tookMs).toBeGreaterThan(idealMs(1, perSecond) * 0.9);
  expect(tookMs).toBeLessThan(idealMs(1, perSecond) * 3);
});

it('a 429 of the partner pauses its key in every process, and for no longer than it says', async () => {
  const [one, other] = [await join(), await join()];
  await other.service.waitFor('partner', 'partner', { maxWait: '1s' });
  one.partner.answer = Object.assign(new Error('Too many'), { status: 429, headers: { 'retry-after': '4' } });
  await expect(one.partner.push()).rejects.toThrow('Too many');
  const pausedMs = performance.now();
  using clock = new RunningClock();
  const impatient = other.service.waitFor('partner', 'partner', { maxWait: 100 });
  await expect(impatient).rejects.toBeInstanceOf(RateLimitExceededException);
  await other.partner.push();
  const waitedMs = performance.now() - pausedMs;
  expect(waitedMs).toBeGreaterThan(3_000);
  expect(clock.now()).toBeLessThan(15_000);
});

it('waiters that are aborted leave no timer', async () => {
  const { service } = await join();
  const policy: PolicyOptions = { rate: '1/h', algorithm: 'token-bucket' };
  await service.waitFor('partner', policy, { maxWait: '1s' });
  const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  const before = timers();
  const client = new AbortController();
  setMaxListeners(50, client.signal);
  const waiters = Array.from({ length: 50 }, () =>
    service.waitFor('partner', policy, { maxWait: '20d', signal: client.signal }).catch(() => 'gone'),
  );
  await service.peek('partner', policy);
  expect(timers()).toBeGreaterThanOrEqual(before + 50);
  client.abort(new Error('gone'));
  expect(await Promise.all(waiters)).toEqual(Array.from({ length: 50 }, () => 'gone'));
  await service.peek('partner', policy);
  expect(timers()).toBeLessThanOrEqual(before);
});
