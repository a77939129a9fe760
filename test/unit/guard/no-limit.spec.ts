import { Controller, type ExecutionContext } from '@nestjs/common';
import { type PolicyInput, RateLimit, type RateLimitModuleOptions } from 'nestjs-floodgate';
import type { Target } from './calls.js';
import { limitedApp, names } from './limited-app.js';

type Answer = PolicyInput | null | undefined | readonly (PolicyInput | null | undefined)[];

const nothing = (): void => undefined;

/** What a resolver answers, in a decorator of a route. */
function routeOf(answer: Answer | Promise<Answer>): Target {
  @Controller()
  class Plans {
    @RateLimit(() => answer as PolicyInput)
    show(): void {
      nothing();
    }
  }
  return { type: Plans, method: 'show' };
}

describe('no limit', () => {
  it.each<[string, Answer | Promise<Answer>]>([
    ['null', null],
    ['undefined', undefined],
    ['an empty list', []],
    ['a list of nothing', [null, undefined]],
    ['a promise of null', Promise.resolve(null)],
    ['a promise of an empty list', Promise.resolve([])],
    ["the rate 'unlimited'", 'unlimited'],
    ["options with the rate 'unlimited'", { name: 'plan', rate: 'unlimited' }],
    ['a limit of Infinity', { name: 'plan', limit: Number.POSITIVE_INFINITY, window: '30d' }],
    ['a limit of Infinity without a window', { limit: Number.POSITIVE_INFINITY }],
    ['a limit of null', { name: 'plan', limit: null, window: '30d' }],
    ['a rate of null', { name: 'plan', rate: null }],
    ['a token bucket without a limit', { algorithm: 'token-bucket', limit: Number.POSITIVE_INFINITY, window: '1d' }],
    ['a log without a limit', { algorithm: 'sliding-log', limit: Number.POSITIVE_INFINITY, window: '1d' }],
  ])('is what a resolver says with %s', async (_what, answer) => {
    const target = routeOf(answer);
    const app = await limitedApp({ controllers: [target.type] });
    const { passed, decision } = await app.call(target);
    expect({ passed, decision }).toMatchObject({ passed: true, decision: { kind: 'unenforced', reason: 'skipped' } });
    expect(app.backend.calls).toEqual([]);
  });

  it('of one policy leaves the others', async () => {
    const target = routeOf([null, '2/m', undefined, { name: 'vip', rate: 'unlimited' }]);
    const app = await limitedApp({ controllers: [target.type] });
    expect(names(await app.call(target))).toEqual(['2/m']);
    expect(await app.calls(2, target)).toEqual([true, false]);
  });

  it('of a method replaces what the module applies under its name', async () => {
    @Controller()
    class Downloads {
      @RateLimit({ name: 'api', rate: 'unlimited' })
      free(): void {
        nothing();
      }
      limited(): void {
        nothing();
      }
    }
    const app = await limitedApp({ controllers: [Downloads] }, { policies: { api: '1/m' }, apply: ['api'] });
    expect(await app.calls(3, { type: Downloads, method: 'free' })).toEqual([true, true, true]);
    expect(await app.calls(2, { type: Downloads, method: 'limited' })).toEqual([true, false]);
  });

  it.each<[string, PolicyInput]>([
    ['a rate', 'unlimited'],
    ['options', { rate: 'unlimited' }],
    ['a limit', { limit: Number.POSITIVE_INFINITY, window: '1m' }],
  ])('may be a named policy, by %s', async (_what, vip) => {
    const target = routeOf('vip');
    const app = await limitedApp({ controllers: [target.type] }, { policies: { vip }, apply: ['vip'] });
    expect(await app.calls(2, target)).toEqual([true, true]);
    expect(app.backend.calls).toEqual([]);
  });

  it("leaves the name 'unlimited' to the application's own policy", async () => {
    const target = routeOf('unlimited');
    const app = await limitedApp({ controllers: [target.type] }, { policies: { unlimited: '1/m' } });
    expect(await app.calls(2, target)).toEqual([true, false]);
  });

  it('is found by the module’s dynamic policy for some, and a limit for others', async () => {
    @Controller()
    class Reports {
      @RateLimit('plan')
      all(): void {
        nothing();
      }
    }
    const plan = (context: ExecutionContext): PolicyInput | null => {
      const { headers } = context.switchToHttp().getRequest<{ headers: { plan?: string } }>();
      return headers.plan === 'enterprise' ? null : '1/m';
    };
    const app = await limitedApp({ controllers: [Reports] }, { policies: { plan } });
    const target: Target = { type: Reports, method: 'all' };
    expect(await app.calls(2, target, { headers: { plan: 'enterprise' } })).toEqual([true, true]);
    expect(await app.calls(2, target, { headers: { plan: 'free' } })).toEqual([true, false]);
  });

  it.each([-1, Number.NaN, Number.NEGATIVE_INFINITY, '10', 0.5])(
    'is not what a limit of %p says: the error names the mend',
    async (limit) => {
      const mend = "Give a whole number of at least 0; for no limit give Infinity, null or rate: 'unlimited'.";
      const policy = { limit: limit as number, window: '1m' };
      const options: RateLimitModuleOptions = { policies: { plan: policy } };
      await expect(limitedApp({}, options)).rejects.toThrow(`policies.plan.limit: received`);
      await expect(limitedApp({}, options)).rejects.toThrow(mend);
      const target = routeOf(policy);
      const app = await limitedApp({ controllers: [target.type] });
      await expect(app.call(target)).rejects.toThrow(mend);
    },
  );

  describe('of BackendService', () => {
    const service = async () => {
      const app = await limitedApp({}, { policies: { vip: 'unlimited' } });
      return { backend: app.backend, service: app.service };
    };

    it.each<[string, PolicyInput | readonly PolicyInput[]]>([
      ['a name', 'vip'],
      ['a rate', 'unlimited'],
      ['options', { rate: 'unlimited' }],
      ['several', ['vip', { name: 'other', limit: Number.POSITIVE_INFINITY }]],
    ])('passes everything, and asks no backend, by %s', async (_what, policies) => {
      const { backend, service: limiter } = await service();
      const unenforced = { allowed: true, kind: 'unenforced', reason: 'skipped', policies: [] };
      expect(await limiter.consume('user:1', policies, { cost: 1e6 })).toMatchObject(unenforced);
      expect(await limiter.peek('user:1', policies)).toMatchObject(unenforced);
      await limiter.refund('user:1', policies);
      await limiter.reset('user:1', policies);
      await using lease = await limiter.acquire('user:1', policies);
      expect(lease.decision).toMatchObject(unenforced);
      expect(await lease.consume(5)).toMatchObject(unenforced);
      await lease.adjust(5);
      expect(backend.calls).toEqual([]);
    });

    it('of one policy leaves the others', async () => {
      const { service: limiter } = await service();
      expect((await limiter.consume('user:1', ['vip', '1/m'])).policies.map(({ name }) => name)).toEqual(['1/m']);
      expect((await limiter.consume('user:1', ['1/m', 'vip'])).kind).toBe('limited');
    });

    it('is still an error where no policy is given', async () => {
      const { service: limiter } = await service();
      await expect(limiter.consume('user:1', [])).rejects.toThrow('Give at least one policy');
    });
  });
});
