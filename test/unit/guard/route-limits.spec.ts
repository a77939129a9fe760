import { jest } from '@jest/globals';
import { Controller, Logger } from '@nestjs/common';
import { keyOf, type PolicyInput, RateLimit, type RouteLimits, routeLimits, SkipRateLimit } from 'nestjs-floodgate';
import type { Target } from './calls.js';
import { limitedApp, names } from './limited-app.js';

const nothing = (): void => undefined;

@RateLimit({ name: 'cats', rate: '3/m' })
@Controller()
class CatsController {
  @RateLimit('3/m')
  all(): void {
    nothing();
  }
  @RateLimit({ name: 'by-user', rate: '2/h', key: 'user', algorithm: 'token-bucket' })
  mine(): void {
    nothing();
  }
  @SkipRateLimit()
  free(): void {
    nothing();
  }
  @RateLimit(() => '1/m', { name: 'known', rate: '2/m' })
  planned(): void {
    nothing();
  }
  @RateLimit({ name: 'scoped', rate: '2/m', scope: 'route' }, 'search')
  scoped(): void {
    nothing();
  }
  readonly value = 5;
}

@Controller()
class DynamicController {
  @SkipRateLimit('api')
  @RateLimit(() => '1/m')
  all(): void {
    nothing();
  }
}

@Controller()
class HeirController extends CatsController {}

const to = (method: string, type: Target['type'] = CatsController): Target => ({ type, method });
const options = {
  policies: { api: '3/m', search: { rate: '2/m', scope: 'route' as const } },
  apply: ['api'],
};
const start = () => limitedApp({ controllers: [CatsController, HeirController, DynamicController] }, options);
const IP = keyOf.ip('192.0.2.1');

describe('routeLimits', () => {
  it('stands for all policies that hold on a route, applied ones too', async () => {
    const app = await start();
    expect(await app.calls(4, to('all'))).toEqual([true, true, true, false]);
    const decision = await app.service.peek(IP, routeLimits(CatsController, 'all'));
    expect(decision.policies.map(({ name, remaining }) => [name, remaining])).toEqual([
      ['api', 0],
      ['cats', 0],
      ['3/m', 0],
    ]);
    await app.service.reset(IP, routeLimits(CatsController, 'all'));
    expect(await app.calls(4, to('all'))).toEqual([true, true, true, false]);
  });

  it.each<[string, string | readonly string[], readonly string[]]>([
    ['one', '3/m', ['3/m']],
    ['some', ['api', 'cats'], ['api', 'cats']],
  ])('stands for %s of them by name', async (_what, chosen, found) => {
    const app = await start();
    const decision = await app.service.consume(IP, routeLimits(CatsController, 'all', chosen));
    expect(decision.policies.map(({ name }) => name)).toEqual(found);
  });

  it('is the same counter for every verb of the service', async () => {
    const app = await start();
    const limits = routeLimits(CatsController, 'mine', ['by-user']);
    const key = keyOf.user(42);
    const left = async () => (await app.service.peek(key, limits)).policies.map(({ remaining }) => remaining);
    await app.call(to('mine'), { user: { id: 42 } });
    expect(await left()).toEqual([1]);
    await app.service.consume(key, limits);
    expect(await left()).toEqual([0]);
    await app.service.refund(key, limits);
    expect(await left()).toEqual([1]);
    const lease = await app.service.acquire(key, limits);
    expect(await left()).toEqual([0]);
    await lease.release();
    await app.service.withLease(key, limits, nothing);
    expect(await left()).toEqual([0]);
    expect((await app.call(to('mine'), { user: { id: 42 } })).passed).toBe(false);
    await app.service.reset(key, limits);
    expect((await app.call(to('mine'), { user: { id: 42 } })).passed).toBe(true);
  });

  it('is found under hashed keys, and under other groups of addresses', async () => {
    const app = await limitedApp({ controllers: [CatsController] }, { ...options, hashKeys: true, ipv6PrefixBits: 56 });
    const request = { ip: '2001:db8:1:2ff::9' };
    expect(await app.calls(4, to('all'), request)).toEqual([true, true, true, false]);
    await app.service.reset(keyOf.ip('2001:db8:1:200::1'), routeLimits(CatsController, 'all'));
    expect(await app.calls(1, to('all'), request)).toEqual([true]);
  });

  it('tells the counters of each route of a policy with scope route', async () => {
    const app = await start();
    expect(await app.calls(3, to('scoped'))).toEqual([true, true, false]);
    await app.service.reset(IP, routeLimits(CatsController, 'scoped'));
    expect(await app.calls(1, to('scoped'))).toEqual([true]);
  });

  it('of a class counts for its heirs what is written once', async () => {
    const app = await start();
    await app.calls(3, to('all', HeirController));
    expect((await app.service.peek(IP, routeLimits(CatsController, 'all', '3/m'))).policies[0]?.remaining).toBe(0);
  });

  it('goes together with policies of other kinds', async () => {
    const app = await start();
    const decision = await app.service.consume(IP, [routeLimits(CatsController, 'all', 'cats'), '5/m', 'api']);
    expect(decision.policies.map(({ name }) => name)).toEqual(['cats', '5/m', 'api']);
  });

  it('stands for what is static of a route that is named so', async () => {
    const app = await start();
    const decision = await app.service.consume(IP, routeLimits(CatsController, 'planned', ['known', 'api']));
    expect(decision.policies.map(({ name }) => name)).toEqual(['api', 'known']);
  });

  it('is unlimited where the route is', async () => {
    @Controller()
    class Open {
      @RateLimit({ name: 'api', rate: 'unlimited' })
      all(): void {
        nothing();
      }
    }
    const app = await limitedApp({ controllers: [Open] }, { policies: { api: '1/m' }, apply: ['api'] });
    expect(await app.service.consume(IP, routeLimits(Open, 'all'))).toMatchObject({ kind: 'unenforced' });
    expect(names(await app.call({ type: Open, method: 'all' }))).toEqual([]);
  });

  it.each<[string, () => PolicyInput | RouteLimits, string]>([
    [
      'a route without a limit',
      () => routeLimits(CatsController, 'free'),
      "routeLimits(CatsController, 'free'): received undefined. No policy holds on that route",
    ],
    [
      'a method that does not exist',
      () => routeLimits(CatsController, 'al' as 'all'),
      "routeLimits(CatsController, 'al'): received 'al'. Give the name of a method of CatsController",
    ],
    [
      'what is no method',
      () => routeLimits(CatsController, 'value' as 'all'),
      'Give the name of a method of CatsController',
    ],
    [
      'a name that does not hold there',
      () => routeLimits(CatsController, 'all', ['api', 'dogs']),
      "routeLimits(CatsController, 'all'): received 'dogs'. The policies that hold on that route are 'api', 'cats', '3/m'.",
    ],
    [
      'policies that are found by the request',
      () => routeLimits(CatsController, 'planned'),
      "routeLimits(CatsController, 'planned'): received a function. Some of its policies are found by the request: name those that you mean, of 'api', 'cats', 'known', as the third argument.",
    ],
    [
      'policies that are all found by the request',
      () => routeLimits(DynamicController, 'all'),
      "routeLimits(DynamicController, 'all'): received a function. Its policies are found by the request: without one, nobody can tell which they are.",
    ],
    [
      'a name of one that is found by the request',
      () => routeLimits(DynamicController, 'all', 'plan'),
      "routeLimits(DynamicController, 'all'): received 'plan'. The policies that hold on that route are none.",
    ],
    [
      'a policy of the service that needs a request',
      () => (() => '1/m') as PolicyInput,
      'A dynamic policy needs a request',
    ],
  ])('is an error for %s', async (_what, limits, message) => {
    const app = await start();
    await expect((async () => app.service.reset(IP, limits()))()).rejects.toThrow(message);
  });

  it.each([undefined, null, {}, 'CatsController'])('is an error for a class that is %p', (type) => {
    expect(() => routeLimits(type as unknown as typeof CatsController, 'all')).toThrow(
      /^routeLimits: received .+ Give the class of a controller, resolver or gateway\.$/,
    );
  });
});

describe('a policy that a decorator wrote, handed to the service as it is written there', () => {
  const warned = async (act: (app: Awaited<ReturnType<typeof start>>) => Promise<unknown>): Promise<unknown[]> => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    try {
      await act(await start());
      return warn.mock.calls.map(([message]) => message);
    } finally {
      warn.mockRestore();
    }
  };
  const hint =
    "The policy '3/m' that BackendService was given has a counter of its own. If you mean that of @RateLimit(), give routeLimits(CatsController, 'all').";

  it.each<[string, (app: Awaited<ReturnType<typeof start>>) => Promise<unknown>]>([
    ['reset', (app) => app.service.reset('ip:192.0.2.1', '3/m')],
    ['peek', (app) => app.service.peek('ip:192.0.2.1', '3/1m')],
    ['refund', (app) => app.service.refund('ip:192.0.2.1', { limit: 3, window: '1m' })],
  ])('is told once by %s: it is another counter', async (_verb, act) => {
    expect(
      await warned(async (app) => {
        await act(app);
        await act(app);
      }),
    ).toEqual([hint]);
  });

  it.each<[string, (app: Awaited<ReturnType<typeof start>>) => Promise<unknown>]>([
    ['a policy that no decorator wrote', (app) => app.service.reset('a', '7/m')],
    ['a policy of the module', (app) => app.service.reset('a', 'api')],
    ['a route', (app) => app.service.reset('a', routeLimits(CatsController, 'all'))],
    [
      'a policy that the service itself counts',
      async (app) => {
        await app.service.consume('a', '3/m');
        await app.service.reset('a', '3/m');
      },
    ],
  ])('is not told of %s', async (_what, act) => {
    expect(await warned(act)).toEqual([]);
  });

  it('is an error by its name, which tells the way', async () => {
    const app = await start();
    await expect(app.service.reset('a', 'by-user')).rejects.toThrow(
      "There is no policy of that name. The policies are 'api', 'search'. If you mean that of @RateLimit(), give routeLimits(CatsController, 'mine').",
    );
  });
});
