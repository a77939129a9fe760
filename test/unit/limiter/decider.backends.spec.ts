import { jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { install } from '@sinonjs/fake-timers';
import {
  failoverBackend,
  memoryBackend,
  RateLimitConfigurationError,
  RateLimitExceededException,
} from 'nestjs-floodgate';
import type { Backend } from '../../../lib/contracts/backend.js';
import { refused, ScriptedBackend } from './failover/scripted-backend.js';
import { limiterApp } from './limiter-app.js';

const circuitBreaker = { failureThreshold: 100 };

afterEach(() => jest.restoreAllMocks());

/** Two members; the first of them is down. */
function halfDown() {
  const members = [new ScriptedBackend('first'), new ScriptedBackend('second')] as const;
  members[0].error = refused();
  return { members, backend: failoverBackend(members) };
}

describe('a charge of a fallback', () => {
  it('is given back there when the first choice works again', async () => {
    const { members, backend } = halfDown();
    await using app = await limiterApp({ backend, circuitBreaker });
    const lease = await app.service.acquire('someone', '3/m');
    members[0].error = undefined;
    members.forEach((member) => member.drain());
    await lease.release();
    expect(members.map((member) => member.drain())).toEqual([[], ['refund']]);
  });

  it('is given back where a charge would go now if nobody knows where it was', async () => {
    const { members, backend } = halfDown();
    members[0].error = undefined;
    await using app = await limiterApp({ backend, circuitBreaker });
    await app.service.refund('someone', '3/m');
    expect(members.map((member) => member.drain())).toEqual([['refund'], []]);
  });
});

describe('a renewal of slots', () => {
  const request = { charges: [], failureMode: 'closed', timeoutMs: 100 } as const;

  it('goes to the backend that gave them, if it is known', async () => {
    const renewed: unknown[] = [];
    const renew: Backend['renew'] = (given) => void renewed.push(given);
    await using app = await limiterApp({ backend: Object.assign(memoryBackend(), { renew }) });
    await app.decider.renew(request, { source: 'fallback', backend: 'second', atMs: 0 });
    await app.decider.renew(request, { source: 'primary', backend: null, atMs: 0 });
    expect(renewed).toEqual([{ ...request, backend: 'second' }, request]);
  });

  it('is nothing at a backend without it', async () => {
    const backend = failoverBackend([new ScriptedBackend('first'), new ScriptedBackend('second')]);
    Object.assign(backend, { renew: undefined });
    await using app = await limiterApp({ backend });
    const renewal = app.decider.renew(request, { source: 'primary', backend: null, atMs: 0 });
    await expect(renewal).resolves.toBeUndefined();
  });

  it('goes to this process if it gave them during an outage', async () => {
    const clock = install({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    const store = new ScriptedBackend('store');
    store.error = refused();
    const jobs = { limit: 1, algorithm: 'concurrency', leaseTime: '1m' } as const;
    await using app = await limiterApp({ backend: store, circuitBreaker, failureMode: 'local', policies: { jobs } });
    const lease = await app.service.acquire('someone', 'jobs');
    expect(lease.decision).toMatchObject({ source: 'local', backend: 'local' });
    store.drain();
    await clock.tickAsync(600_000);
    expect(store.drain()).toEqual([]);
    await expect(app.service.acquire('someone', 'jobs')).rejects.toBeInstanceOf(RateLimitExceededException);
    await lease.release();
    expect((await app.service.acquire('someone', 'jobs')).decision.source).toBe('local');
    clock.uninstall();
  });
});

it('gives back to this process only in mode local', async () => {
  const store = new ScriptedBackend('store');
  store.error = refused();
  await using app = await limiterApp({ backend: store, circuitBreaker, failureMode: 'open' });
  const ask = async () => (await app.service.consume('someone', '1/m', { failureMode: 'local' })).kind;
  expect(await ask()).toBe('allowed');
  await app.service.refund('someone', '1/m');
  expect(await ask()).toBe('limited');
});

describe('the health of several backends', () => {
  const mistaken = () => {
    const member = new ScriptedBackend('mistaken');
    member.error = new RateLimitConfigurationError('redis.user', 'floodgate', 'Allow it to run scripts.');
    return member;
  };
  const down = () => {
    const member = new ScriptedBackend('down');
    member.error = refused();
    return member;
  };
  const up = () => new ScriptedBackend('up');

  it.each<[string, Backend[], boolean]>([
    ['one is up', [down(), up()], true],
    ['none is up', [down(), Object.assign(down(), { name: 'other' })], false],
    ['one is up and one has a mistake, which calls get', [up(), mistaken()], false],
  ])('if %s', async (_what, members, healthy) => {
    await using app = await limiterApp({ backend: failoverBackend(members), circuitBreaker });
    expect(await app.service.health()).toMatchObject({ healthy, backends: members.map(({ name }) => ({ name })) });
  });
});

describe('the life of an application', () => {
  /** A backend that tells when it is opened and closed. */
  function living() {
    const told: string[] = [];
    const verbs = { open: () => void told.push('open'), close: () => void told.push('close') };
    return { told, backend: Object.assign(memoryBackend(), verbs) };
  }

  it('keeps a backend that it shares, from its start on', async () => {
    const { told, backend } = living();
    const idle = await limiterApp({ backend });
    const busy = await limiterApp({ backend });
    await busy.service.consume('someone', '3/m');
    await busy.app.close();
    expect(told).toEqual(['open']);
    await idle.app.close();
    expect(told).toEqual(['open', 'close']);
  });

  it.each([
    [true, ['open']],
    [false, []],
  ])('opens its backends when it listens, if it is enabled: %s', async (enabled, expected) => {
    const { told, backend } = living();
    await using app = await limiterApp({ backend, enabled });
    app.decider.start();
    expect(told).toEqual(expected);
  });

  it('logs at its start what its backend cannot do', async () => {
    const error = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    const ping = () => Promise.reject(new RateLimitConfigurationError('redis.user', 'x', 'Allow it to run scripts.'));
    await using app = await limiterApp({ backend: Object.assign(memoryBackend(), { ping }) });
    app.decider.start();
    await Promise.resolve().then(() => undefined);
    expect(error.mock.calls).toEqual([
      ["Backend 'memory' cannot decide: redis.user: received 'x'. Allow it to run scripts."],
    ]);
  });
});

describe('the counters of this process', () => {
  it('are those of memory backends and of mode local, and can be forgotten', async () => {
    const { members } = halfDown();
    const memory = memoryBackend();
    await using app = await limiterApp({ backend: failoverBackend([members[1], memory]), failureMode: 'local' });
    const { service, decider } = app;
    expect(decider.memoryKeys()).toBe(0);
    members[1].error = refused();
    await service.consume('one', '3/m');
    await service.consume('two', '3/m');
    expect(decider.memoryKeys()).toBe(2);
    memory.consume = () => {
      throw refused();
    };
    expect(await service.consume('one', '3/m')).toMatchObject({ source: 'local' });
    expect(decider.memoryKeys()).toBe(3);
    expect(decider.clear()).toEqual(['second']);
    expect(decider.memoryKeys()).toBe(0);
  });
});

it('tells how long a decision took', async () => {
  await using app = await limiterApp({ backend: memoryBackend() });
  const decisions = app.hear('decision');
  const startedMs = performance.now();
  await app.service.consume('someone', '3/m');
  const tookMs = performance.now() - startedMs;
  const { durationMs } = decisions[0]!;
  expect(durationMs).toBeGreaterThanOrEqual(0);
  expect(durationMs).toBeLessThanOrEqual(tookMs);
});
