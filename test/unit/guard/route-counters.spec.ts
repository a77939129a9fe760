import { Controller, type ExecutionContext, type Type } from '@nestjs/common';
import { type PolicyInput, RateLimit, RateLimitPolicies, SkipRateLimit } from 'nestjs-floodgate';
import type { Target } from './calls.js';
import { type LimitedApp, limitedApp, names } from './limited-app.js';

const nothing = (): void => undefined;

const to = (type: Target['type'], method: string): Target => ({ type, method });

class Crud {
  list(): void {
    nothing();
  }
  find(): void {
    nothing();
  }
}

/** The counters that a call charges, without their algorithm. */
const countersOf = async (app: LimitedApp, target: Target): Promise<unknown[]> =>
  (await app.charges(target)).map((charge) => /^ip:192\.0\.2\.1 (.+)#sliding-window$/.exec(charge)?.[1]);

describe('the counters of a route', () => {
  const each = { rate: '1/m', scope: 'route' as const };

  it('bear the place where their policy is written', async () => {
    @RateLimit('9/m')
    @RateLimit({ name: 'class', rate: '9/m' }, '8/m')
    @Controller()
    class Cats {
      @RateLimit('7/m')
      @RateLimit('6/m', { name: 'method', rate: '9/m' }, { rate: '5/m', scope: 'route' })
      find(): void {
        nothing();
      }
    }
    const app = await limitedApp(
      { controllers: [Cats] },
      { policies: { api: each, all: '9/m' }, apply: ['api', 'all'] },
    );
    expect(await countersOf(app, to(Cats, 'find'))).toEqual([
      'api@Cats.find',
      'all',
      '@Cats[0]',
      '@Cats:class',
      '@Cats[2]',
      '@Cats.find[0]',
      '@Cats.find[1]',
      '@Cats.find:method',
      '@Cats.find[3]@Cats.find',
    ]);
  });

  it('of what is found for each call bear its place too', async () => {
    @Controller()
    class Cats {
      @RateLimit('9/m', () => ['8/m', { name: 'own', rate: '7/m' }, '6/m'], 'plan')
      find(): void {
        nothing();
      }
    }
    const app = await limitedApp({ controllers: [Cats] }, { policies: { plan: () => ['5/m', '4/m'] } });
    expect(await countersOf(app, to(Cats, 'find'))).toEqual([
      '@Cats.find[0]',
      '@Cats.find[1.0]',
      '@Cats.find:own',
      '@Cats.find[1.2]',
      '@policies.plan[0.0]',
      '@policies.plan[0.1]',
    ]);
  });

  it('with scope route are apart for routes that are inherited', async () => {
    @Controller()
    class Cats extends Crud {}
    const app = await limitedApp({ controllers: [Cats] }, { policies: { api: each }, apply: ['api'] });
    expect(await countersOf(app, to(Cats, 'list'))).toEqual(['api@Cats.list']);
    expect(await countersOf(app, to(Cats, 'find'))).toEqual(['api@Cats.find']);
  });

  it('with scope route bear the name of the function, for one that its class does not have', async () => {
    const lent = function lent(): void {
      nothing();
    };
    @Controller()
    class Cats extends Crud {}
    class Borrowing extends Cats {}
    Reflect.defineProperty(Borrowing.prototype, 'own', { get: () => lent, configurable: true });
    const app = await limitedApp({ controllers: [Cats] }, { policies: { api: each }, apply: ['api'] });
    expect(await countersOf(app, to(Borrowing, 'own'))).toEqual(['api@Borrowing.lent']);
  });

  it('are named in events by their route', async () => {
    @Controller()
    class Cats extends Crud {}
    const app = await limitedApp({ controllers: [Cats] }, { policies: { api: '9/m' }, apply: ['api'] });
    const heard: unknown[] = [];
    app.events.on((event) => {
      if (event.kind === 'decision') heard.push([event.route, event.transport]);
    });
    await app.call(to(Cats, 'list'));
    expect(heard).toEqual([['Cats.list', 'http']]);
  });

  it('count by a policy as it is now, where it changes at run time', async () => {
    @Controller()
    class Cats extends Crud {}
    const app = await limitedApp({ controllers: [Cats] }, { policies: { api: '1/m' }, apply: ['api'] });
    expect(await app.calls(2, to(Cats, 'list'))).toEqual([true, false]);
    await app.get(RateLimitPolicies).set('api', '3/m');
    expect(await app.calls(3, to(Cats, 'list'))).toEqual([true, true, false]);
  });
});

/** A controller with one decorated route. */
function controllerWith(decorate: MethodDecorator & ClassDecorator, where: 'class' | 'method'): Type {
  class Wrong extends Crud {
    override find(): void {
      nothing();
    }
  }
  if (where === 'class') decorate(Wrong);
  else decorate(Wrong.prototype, 'find', Object.getOwnPropertyDescriptor(Wrong.prototype, 'find')!);
  Controller()(Wrong);
  return Wrong;
}

describe('a name that is skipped and that nobody knows', () => {
  const MESSAGE = "received 'logni'. There is no policy of that name. The policies are 'api', 'plan'.";
  const start = (type: Type, apply: string[]): Promise<unknown> =>
    limitedApp({ controllers: [type] }, { policies: { api: '9/m', plan: () => '9/m' }, apply });

  it.each([
    ['a method', 'method', []],
    ['a method under a limit', 'method', ['api']],
    ['a class', 'class', []],
    ['a class under a limit', 'class', ['api']],
  ] as const)('stops the start, on %s', async (_what, where, apply) => {
    const type = controllerWith(SkipRateLimit('api', 'logni'), where);
    await expect(start(type, [...apply])).rejects.toThrow(`@SkipRateLimit() of Wrong.find: ${MESSAGE}`);
  });

  it('may be that of what is found for each call', async () => {
    await expect(start(controllerWith(SkipRateLimit('logni'), 'method'), ['plan'])).resolves.toBeDefined();
  });

  it('may be that of a policy that is written there', async () => {
    @RateLimit({ name: 'own', rate: '9/m' })
    @Controller()
    class Cats extends Crud {
      @SkipRateLimit('own')
      override find(): void {
        nothing();
      }
    }
    const app = await limitedApp({ controllers: [Cats] });
    expect(names(await app.call(to(Cats, 'find')))).toEqual([]);
  });
});

describe('what is found for each call', () => {
  const callOf = async (answer: unknown): Promise<unknown> => {
    @Controller()
    class Cats {
      @RateLimit('plan')
      find(): void {
        nothing();
      }
    }
    const plan = (_context: ExecutionContext): PolicyInput => answer as PolicyInput;
    const app = await limitedApp({ controllers: [Cats] }, { policies: { plan, api: '9/m' } });
    return names(await app.call(to(Cats, 'find')));
  };

  it.each<[string, unknown, string[]]>([
    ['a rate', '5/m', ['plan']],
    ['options', { rate: '5/m' }, ['plan']],
    ['options with a name', { name: 'gold', rate: '5/m' }, ['gold']],
    ['a list of one', ['5/m'], ['plan']],
    ['the name of another policy', 'api', ['api']],
  ])('bears the name of the policy that finds it, unless it has its own: %s', async (_what, answer, found) => {
    expect(await callOf(answer)).toEqual(found);
  });

  it.each<[string, unknown, string]>([
    ['a number', 5, 'policies.plan: received 5. Give a rate'],
    ['a wrong rate', '5/minute', "policies.plan.rate: received '5/minute'. Give whole units"],
    ['an unknown name', 'logni', "policies.plan: received 'logni'. There is no policy of that name."],
    ['a function', () => '5/m', 'A dynamic policy answered with a function: answer a name, a rate or options.'],
  ])('is an error of the call that names the policy: %s', async (_what, answer, message) => {
    await expect(callOf(answer)).rejects.toThrow(message);
  });
});
