import { Controller, Injectable, Module } from '@nestjs/common';
import {
  type PolicyInput,
  RateLimit,
  RateLimitPolicies,
  type RateLimitModuleOptions,
  SkipRateLimit,
} from 'nestjs-floodgate';
import { RouteCatalog } from '../../../lib/guard/route-catalog.js';
import type { Route } from '../../../lib/guard/route-plan.js';
import { limitedApp } from './limited-app.js';

const nothing = (): void => undefined;

class Crud {
  find(): void {
    nothing();
  }
  list(): void {
    nothing();
  }
  shown(): void {
    nothing();
  }
}

const routeOf = (type: new () => Crud, method: 'find' | 'list' = 'find'): Route => ({
  type,
  handler: (type.prototype as Crud)[method],
});

describe('the plan of a route', () => {
  it('is made once for each way to call it', async () => {
    @Controller()
    class Cats extends Crud {}
    const app = await limitedApp({ controllers: [Cats] }, { policies: { api: '9/m' }, apply: ['api'] });
    const catalog = app.get(RouteCatalog);
    const plan = catalog.planOf(routeOf(Cats));
    const others = [catalog.planOf(routeOf(Cats, 'list')), catalog.planOf(routeOf(Cats), 'declared')];
    expect(catalog.planner.plan(routeOf(Cats))).toEqual(plan);
    expect(others).not.toContain(plan);
    expect(catalog.planOf(routeOf(Cats))).toBe(plan);
    expect(catalog.planOf(routeOf(Cats), 'all')).toBe(plan);
  });

  it('is made again after a policy has changed, and once', async () => {
    @Controller()
    class Cats extends Crud {}
    const app = await limitedApp({ controllers: [Cats] }, { policies: { api: '9/m' }, apply: ['api'] });
    const catalog = app.get(RouteCatalog);
    const plan = catalog.planOf(routeOf(Cats));
    await app.get(RateLimitPolicies).set('api', '8/m');
    const changed = catalog.planOf(routeOf(Cats));
    expect(changed).not.toBe(plan);
    expect(changed.policies?.map(({ policy }) => policy.limit)).toEqual([8]);
    expect(catalog.planOf(routeOf(Cats))).toBe(changed);
  });

  it('is made at start-up for each route with a decorator, and for no other', async () => {
    @Controller()
    class Plain extends Crud {}
    @RateLimit('9/m')
    @Controller()
    class Limited extends Crud {
      readonly field = nothing;
      get value(): () => void {
        return nothing;
      }
    }
    // Not to be read before there is an instance.
    Object.defineProperty(Limited.prototype, 'shown', { get: nothing });
    @Injectable()
    class Mixed extends Crud {
      @RateLimit('9/m')
      override list(): void {
        nothing();
      }
      @SkipRateLimit('api')
      skipping(): void {
        nothing();
      }
    }
    const providers = [Mixed, { provide: 'made', useFactory: () => 1 }, { provide: 'given', useValue: { find: 1 } }];
    const app = await limitedApp({ controllers: [Plain, Limited], providers }, { policies: { api: '9/m' } });
    const labels = app.get(RouteCatalog).prepared.map(({ label }) => label);
    expect(labels.sort()).toEqual(['Limited.find', 'Limited.list', 'Mixed.list', 'Mixed.skipping']);
  });
});

describe('names of classes', () => {
  it('are their own where the other of the name is a factory', async () => {
    @Controller()
    class Cats extends Crud {}
    const factory = { Cats: () => 1 }.Cats;
    const providers = [{ provide: 'made', useFactory: factory }];
    const catalog = (await limitedApp({ controllers: [Cats], providers })).get(RouteCatalog);
    expect(catalog.labelOf(routeOf(Cats))).toBe('Cats.find');
  });

  it('tell their module where several bear one', async () => {
    const made = (): new () => Crud => {
      @Controller()
      class Cats extends Crud {}
      return Cats;
    };
    const [one, other, third] = [made(), made(), made()];
    @Module({ controllers: [one] })
    class OneModule {}
    @Module({ controllers: [other, third] })
    class OtherModule {}
    const catalog = (await limitedApp({ imports: [OneModule, OtherModule] })).get(RouteCatalog);
    const labels = [one, other, third].map((type) => catalog.labelOf(routeOf(type)));
    expect(labels).toEqual(['OneModule/Cats.find', 'OtherModule/Cats.find', 'OtherModule/Cats~2.find']);
  });
});

describe('the end of a call', () => {
  const SLOT: PolicyInput = { name: 'slot', limit: 1, algorithm: 'concurrency', leaseTime: '1m' };
  const JUDGED: PolicyInput = { name: 'judged', rate: '9/m', chargeOn: 'failure' };

  /** Whether it matters to the limits of an application. */
  const matters = async (
    where: 'class' | 'method',
    policies: PolicyInput[],
    options: RateLimitModuleOptions = {},
  ): Promise<boolean> => {
    class Cats extends Crud {
      override find(): void {
        nothing();
      }
    }
    const [decorate] = [RateLimit(...policies)];
    if (policies.length > 0 && where === 'class') decorate(Cats);
    if (policies.length > 0 && where === 'method')
      decorate(Cats.prototype, 'find', Object.getOwnPropertyDescriptor(Cats.prototype, 'find')!);
    Controller()(Cats);
    const catalog = (await limitedApp({ controllers: [Cats] }, options)).get(RouteCatalog);
    expect(catalog.watchesEnds).toBe(catalog.watchesEnds);
    return catalog.watchesEnds;
  };

  it.each<[string, PolicyInput[], boolean]>([
    ['no policy', [], false],
    ['a rate', ['9/m'], false],
    ['options', [{ rate: '9/m' }], false],
    ['the name of a policy', ['api'], false],
    ['a slot', [SLOT], true],
    ['a slot beside a rate', ['9/m', SLOT], true],
    ['chargeOn', [JUDGED], true],
    ['a policy that is found for each call', [() => '9/m'], true],
  ])('matters to what decorators say: %s', async (_what, policies, expected) => {
    expect(await matters('class', policies, { policies: { api: '9/m' } })).toBe(expected);
    expect(await matters('method', policies, { policies: { api: '9/m' } })).toBe(expected);
  });

  it.each<[string, PolicyInput, boolean]>([
    ['a rate', '9/m', false],
    ['a slot', { limit: 1, algorithm: 'concurrency', leaseTime: '1m' }, true],
    ['chargeOn', { rate: '9/m', chargeOn: 'failure' }, true],
    ['a policy that is found for each call', () => '9/m', true],
  ])('matters to what the module says: %s', async (_what, api, expected) => {
    expect(await matters('class', [], { policies: { api } })).toBe(expected);
  });
});

it.each([
  ['apply', { apply: ['logni'] }],
  ['connect', { connect: 'logni' }],
])('stops the start for an unknown name in %s', async (option, options) => {
  await expect(limitedApp({}, { policies: { api: '9/m' }, ...options })).rejects.toThrow(
    `${option}: received 'logni'. There is no policy of that name. The policies are 'api'.`,
  );
});
