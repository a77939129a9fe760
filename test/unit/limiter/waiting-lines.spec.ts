import { getEventListeners } from 'node:events';
import { Injectable, SetMetadata } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { type Clock, install } from '@sinonjs/fake-timers';
import {
  BackendService,
  type Decision,
  memoryBackend,
  Paced,
  RateLimitExceededException,
  RateLimitModule,
} from 'nestjs-floodgate';
import { closedGate } from './closed-gate.js';
import { refused, ScriptedBackend } from './failover/scripted-backend.js';
import { limiterApp } from './limiter-app.js';

let clock: Clock;

beforeEach(() => {
  clock = install({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
});

afterEach(() => clock.uninstall());

const policies = { slow: { rate: '1/10s', algorithm: 'token-bucket' } } as const;

/** What becomes of a wait. */
function following(wait: Promise<Decision>) {
  const told: unknown[] = [];
  wait.then(
    ({ kind }) => told.push(kind),
    (error: unknown) =>
      told.push(error instanceof RateLimitExceededException ? error.decision : (error as Error).message),
  );
  return async (ms = 0): Promise<readonly unknown[]> => {
    await clock.tickAsync(ms);
    return told;
  };
}

describe('waitFor', () => {
  it('waits for each key and policy apart', async () => {
    await using app = await limiterApp({ backend: memoryBackend(), policies });
    const wait = (key: string, policy: string) => following(app.service.waitFor(key, policy, { maxWait: '1m' }));
    await wait('one', 'slow')();
    const second = wait('one', 'slow');
    expect(await second()).toEqual([]);
    expect(await wait('other', 'slow')()).toEqual(['allowed']);
    expect(await wait('one', '1/20s')()).toEqual(['allowed']);
    expect(await second(9_999)).toEqual([]);
    expect(await second(1)).toEqual(['allowed']);
  });

  it('forgets its timer and its signal when it is over', async () => {
    await using app = await limiterApp({ backend: memoryBackend(), policies });
    const { signal } = new AbortController();
    const before = clock.countTimers();
    await app.service.waitFor('key', 'slow', { maxWait: '1m', signal });
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    const wait = following(app.service.waitFor('key', 'slow', { maxWait: '5s', signal }));
    expect(await wait()).toMatchObject([{ kind: 'limited', retryAfterMs: 10_000 }]);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    expect(clock.countTimers()).toBe(before);
  });

  it('ends at maxWait behind others, of whom alone the store was asked', async () => {
    await using app = await limiterApp({ backend: memoryBackend(), policies });
    for (let call = 0; call < 2; call += 1) void app.service.waitFor('key', 'slow', { maxWait: '1m' });
    const wait = following(app.service.waitFor('key', 'slow', { maxWait: '3s' }));
    expect(await wait(2_999)).toEqual([]);
    expect(await wait(1)).toEqual([
      { kind: 'limited', allowed: false, source: 'none', backend: null, policies: [], retryAfterMs: 0 },
    ]);
    await clock.tickAsync(60_000);
  });

  it('ends at maxWait with the last refusal, even if the store is asked at that time', async () => {
    const store = new ScriptedBackend('store');
    await using app = await limiterApp({ backend: store, policies, timeout: '1h' });
    await app.service.waitFor('key', 'slow', { maxWait: '1m' });
    const wait = following(app.service.waitFor('key', 'slow', { maxWait: '12s' }));
    expect(await wait(9_000)).toEqual([]);
    const { gate, open } = closedGate();
    const { consume } = store;
    store.consume = async (request) => (await gate, consume.call(store, request));
    expect(await wait(3_000)).toMatchObject([{ kind: 'limited', backend: 'store', policies: [{ name: 'slow' }] }]);
    open();
    await clock.tickAsync(0);
  });

  it.each([
    [{ maxWait: 'soon' }, "maxWait: received 'soon'."],
    [{ maxWait: '25d' }, "maxWait: received '25d'."],
    [
      { maxWait: '1s', key: 'x' },
      "options.key: received 'x'. There is no such option. The options are cost, maxWait, signal.",
    ],
  ])('refuses the options %j', async (options, message) => {
    await using app = await limiterApp({ backend: memoryBackend(), policies });
    await expect(app.service.waitFor('key', 'slow', options as never)).rejects.toThrow(message);
  });

  it('takes the cost that it is given', async () => {
    await using app = await limiterApp({ backend: memoryBackend() });
    const decision = await app.service.waitFor('key', '10/m', { maxWait: '1s', cost: 4 });
    expect(decision.policies).toMatchObject([{ remaining: 6 }]);
  });

  it('does not wait for what is on a list', async () => {
    const lists = { allow: ['good'], deny: ['bad'] };
    await using app = await limiterApp({ backend: memoryBackend(), lists });
    expect(await following(app.service.waitFor('good', '1/m', { maxWait: '1s' }))()).toEqual(['unenforced']);
    expect(await following(app.service.waitFor('bad', '1/m', { maxWait: '1s' }))()).toMatchObject([
      { kind: 'limited' },
    ]);
  });
});

describe('a pause', () => {
  it('lasts as long as it says, and is then over', async () => {
    await using app = await limiterApp({ backend: memoryBackend(), policies });
    await app.service.pause('key', 'slow', 5_000);
    const wait = following(app.service.waitFor('key', 'slow', { maxWait: '1m' }));
    expect(await wait(4_998)).toEqual([]);
    expect(await wait(2)).toEqual(['allowed']);
  });

  it('of longer than a counter can live is as long as that', async () => {
    await using app = await limiterApp({ backend: memoryBackend(), policies });
    await app.service.pause('key', 'slow', 1e12);
    const [decision] = await following(app.service.waitFor('key', 'slow', { maxWait: '1m' }))();
    expect((decision as { retryAfterMs: number }).retryAfterMs).toBeLessThan(400 * 86_400_000);
  });

  it('is left to the failure mode in an outage', async () => {
    const store = new ScriptedBackend('store');
    store.error = refused();
    await using app = await limiterApp({ backend: store, policies, failureMode: 'open' });
    await expect(app.service.pause('key', 'slow', 5_000)).resolves.toBeUndefined();
  });
});

describe('@Paced', () => {
  const noted = SetMetadata('noted', 42);

  @Injectable()
  class Partner {
    @Paced('3/m', { maxWait: '1s' })
    @noted
    async push(): Promise<string> {
      return 'pushed';
    }

    @Paced('3/m', { maxWait: '1s' })
    async fail(): Promise<string> {
      throw Object.assign(new Error('Too many'), { status: 429 });
    }
  }

  async function start() {
    const store = new ScriptedBackend('store');
    const app = await Test.createTestingModule({
      imports: [RateLimitModule.forRoot({ backend: store })],
      providers: [Partner],
    }).compile();
    await app.init();
    return { store, app, partner: app.get(Partner), service: app.get(BackendService) };
  }

  it('has one key for a method without its own, and keeps what is known of the method', async () => {
    const { app, partner, service } = await start();
    expect(await partner.push()).toBe('pushed');
    expect((await service.peek('Partner.push', '3/m')).policies).toMatchObject([{ remaining: 2 }]);
    expect(Reflect.getMetadata('noted', Partner.prototype.push)).toBe(42);
    await app.close();
  });

  it('asks for no pause if the error says nothing of one', async () => {
    const { store, app, partner } = await start();
    await expect(partner.fail()).rejects.toThrow('Too many');
    expect(store.drain()).toEqual(['consume']);
    await app.close();
  });

  it('needs Nest to make its instance', async () => {
    await expect(new Partner().push()).rejects.toThrow(
      "@Paced on 'Partner.push': received undefined. Let Nest make the instance, in an application that imports RateLimitModule.forRoot().",
    );
  });

  it.each<[string, object, unknown]>([
    ['a property', Partner.prototype, undefined],
    ['an accessor', Partner.prototype, { get: () => undefined }],
    ['a static method', Partner, { value: () => undefined }],
  ])('is not for %s', (_what, target, descriptor) => {
    const decorate = Paced('3/m', { maxWait: '1s' });
    expect(() => decorate(target, 'thing', descriptor as PropertyDescriptor)).toThrow(
      /^@Paced on 'thing': received .+\. Put it on a provider's method\.$/,
    );
  });

  it('refuses a maximum wait that is wrong', () => {
    expect(() => Paced('3/m', { maxWait: 'soon' })).toThrow("@Paced maxWait: received 'soon'.");
  });
});
