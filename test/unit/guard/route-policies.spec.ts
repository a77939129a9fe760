import { Controller, Injectable, Module } from '@nestjs/common';
import { type PolicyInput, RateLimit, SkipRateLimit } from 'nestjs-floodgate';
import type { Target } from './calls.js';
import { limitedApp, names } from './limited-app.js';

const nothing = (): void => undefined;

const to = (type: Target['type'], method: string): Target => ({ type, method });

describe('what applies to a route', () => {
  it('is nothing without a decorator', async () => {
    @Controller()
    class Plain {
      find = nothing;
      list(): void {
        nothing();
      }
    }
    const app = await limitedApp({ controllers: [Plain] }, { policies: { api: '1/m' } });
    const { decision } = await app.call(to(Plain, 'list'));
    expect(decision).toMatchObject({ kind: 'unenforced', reason: 'skipped', policies: [] });
    expect(app.backend.calls).toHaveLength(0);
  });

  it('is what the module applies, the class and the method say, in this order and as they are written', async () => {
    @RateLimit({ name: 'class-1', rate: '9/m' }, { name: 'class-2', rate: '9/m' })
    @RateLimit({ name: 'class-3', rate: '9/m' })
    @Controller()
    class Layered {
      @RateLimit({ name: 'method-1', rate: '9/m' })
      @RateLimit({ name: 'method-2', rate: '9/m' }, '8/m')
      find(): void {
        nothing();
      }
    }
    const app = await limitedApp({ controllers: [Layered] }, { policies: { api: '9/m' }, apply: ['api'] });
    expect(names(await app.call(to(Layered, 'find')))).toEqual([
      'api',
      'class-1',
      'class-2',
      'class-3',
      'method-1',
      'method-2',
      '8/m',
    ]);
  });

  it('is each of several that have no name', async () => {
    @Controller()
    class Nameless {
      @RateLimit('2/m', '3/m')
      @RateLimit('2/m')
      find(): void {
        nothing();
      }
    }
    const app = await limitedApp({ controllers: [Nameless] });
    expect(new Set(await app.charges(to(Nameless, 'find'))).size).toBe(3);
  });

  it('is charged all or none', async () => {
    @RateLimit({ rate: '5/m', name: 'class' })
    @Controller()
    class Both {
      @RateLimit('1/m')
      tight(): void {
        nothing();
      }
      @RateLimit('9/m')
      wide(): void {
        nothing();
      }
    }
    const app = await limitedApp({ controllers: [Both] });
    expect(await app.calls(3, to(Both, 'tight'))).toEqual([true, false, false]);
    const { decision } = await app.call(to(Both, 'wide'));
    expect(decision.policies.map(({ name, remaining }) => [name, remaining])).toEqual([
      ['class', 3],
      ['9/m', 8],
    ]);
  });

  it('is one of a name: the nearest, with a counter of its own', async () => {
    @RateLimit({ name: 'api', rate: '6/m' })
    @Controller()
    class Replacing {
      @RateLimit({ name: 'api', rate: '7/m' })
      own(): void {
        nothing();
      }
      ofClass(): void {
        nothing();
      }
    }
    @Controller()
    class Other {
      applied(): void {
        nothing();
      }
      @RateLimit('api')
      named(): void {
        nothing();
      }
    }
    const app = await limitedApp({ controllers: [Replacing, Other] }, { policies: { api: '5/m' }, apply: ['api'] });
    const limits: unknown[] = [];
    for (const target of [to(Replacing, 'own'), to(Replacing, 'ofClass'), to(Other, 'applied'), to(Other, 'named')]) {
      const { decision } = await app.call(target);
      limits.push(decision.policies.map(({ name, limit, remaining }) => [name, limit, remaining]));
    }
    expect(limits).toEqual([[['api', 7, 6]], [['api', 6, 5]], [['api', 5, 4]], [['api', 5, 3]]]);
  });
});

describe('what is defined once counts once', () => {
  it('for a class: all its routes together', async () => {
    @RateLimit('2/m')
    @Controller()
    class Shared {
      one(): void {
        nothing();
      }
      other(): void {
        nothing();
      }
    }
    const app = await limitedApp({ controllers: [Shared] });
    expect(await app.calls(1, to(Shared, 'one'))).toEqual([true]);
    expect(await app.calls(2, to(Shared, 'other'))).toEqual([true, false]);
  });

  it('for a method: its calls', async () => {
    @Controller()
    class Apart {
      @RateLimit('1/m')
      one(): void {
        nothing();
      }
      @RateLimit('1/m')
      other(): void {
        nothing();
      }
    }
    const app = await limitedApp({ controllers: [Apart] });
    expect(await app.calls(2, to(Apart, 'one'))).toEqual([true, false]);
    expect(await app.calls(2, to(Apart, 'other'))).toEqual([true, false]);
  });

  @Controller()
  class Cats {
    @RateLimit('search')
    find(): void {
      nothing();
    }
    @RateLimit('search')
    list(): void {
      nothing();
    }
  }
  @Controller()
  class Dogs {
    @RateLimit('search')
    find(): void {
      nothing();
    }
  }

  it('for the module: all uses of a name', async () => {
    const app = await limitedApp({ controllers: [Cats, Dogs] }, { policies: { search: '2/m' } });
    expect(await app.calls(1, to(Cats, 'find'))).toEqual([true]);
    expect(await app.calls(1, to(Cats, 'list'))).toEqual([true]);
    expect(await app.calls(1, to(Dogs, 'find'))).toEqual([false]);
  });

  it('with scope route: each route on its own', async () => {
    const app = await limitedApp(
      { controllers: [Cats, Dogs] },
      { policies: { search: { rate: '1/m', scope: 'route' } } },
    );
    for (const target of [to(Cats, 'find'), to(Cats, 'list'), to(Dogs, 'find')]) {
      expect(await app.calls(2, target)).toEqual([true, false]);
    }
  });

  it('with scope route on a class, or applied: each route on its own too', async () => {
    @RateLimit({ rate: '1/m', scope: 'route' })
    @Controller()
    class Scoped {
      one(): void {
        nothing();
      }
      other(): void {
        nothing();
      }
    }
    @Controller()
    class Plain {
      one(): void {
        nothing();
      }
      other(): void {
        nothing();
      }
    }
    const app = await limitedApp(
      { controllers: [Scoped, Plain] },
      { policies: { api: { rate: '1/m', scope: 'route' } }, apply: ['api'] },
    );
    for (const target of [to(Scoped, 'one'), to(Scoped, 'other'), to(Plain, 'one'), to(Plain, 'other')]) {
      expect(await app.calls(2, target)).toEqual([true, false]);
    }
  });

  it('with scope route, for handlers whose wrapper lost their names', async () => {
    const anonymous: MethodDecorator = (_target, _name, descriptor) => {
      const handler = descriptor.value as () => unknown;
      // A list, so that the wrapper is given no name.
      const [wrapper] = [() => handler()];
      return { ...descriptor, value: wrapper } as typeof descriptor;
    };
    @Controller()
    class Wrapped {
      @RateLimit('search')
      @anonymous
      one(): void {
        nothing();
      }
      @RateLimit('search')
      @anonymous
      other(): void {
        nothing();
      }
    }
    const app = await limitedApp({ controllers: [Wrapped] }, { policies: { search: { rate: '1/m', scope: 'route' } } });
    expect(await app.calls(2, to(Wrapped, 'one'))).toEqual([true, false]);
    expect(await app.calls(2, to(Wrapped, 'other'))).toEqual([true, false]);
  });

  const classNamed = (Parent: abstract new () => object): Target['type'] => {
    @Controller()
    class Users extends Parent {
      @RateLimit('1/m')
      find(): void {
        nothing();
      }
    }
    return Users;
  };

  const moduleOf = (controller: Target['type'], name: string): Target['type'] => {
    const module = { [name]: class {} }[name]!;
    Module({ controllers: [controller] })(module);
    return module;
  };

  it.each([
    ['two modules', 'AdminModule', 'PublicModule'],
    ['two modules of one name', 'UsersModule', 'UsersModule'],
  ])('for classes of one name in %s: each on its own', async (_what, oneModule, otherModule) => {
    const [one, other] = [classNamed(Object), classNamed(Object)];
    const app = await limitedApp({ imports: [moduleOf(one, oneModule), moduleOf(other, otherModule)] });
    expect(await app.calls(2, to(one, 'find'))).toEqual([true, false]);
    expect(await app.calls(2, to(other, 'find'))).toEqual([true, false]);
  });

  const parent = (): abstract new () => object => {
    @RateLimit({ name: 'class', rate: '3/m' })
    abstract class Crud {
      @RateLimit({ name: 'method', rate: '2/m' })
      list(): void {
        nothing();
      }
    }
    return Crud;
  };

  it('for what is inherited: all heirs together, for it is written once', async () => {
    const Crud = parent();
    @Controller()
    class A extends Crud {}
    @Controller()
    class B extends Crud {}
    const app = await limitedApp({ controllers: [A, B] });
    expect(await app.charges(to(A, 'list'))).toEqual(await app.charges(to(B, 'list')));
    expect(await app.calls(1, to(A, 'list'))).toEqual([false]);
  });

  it('for parents of one name: each on its own', async () => {
    @Controller()
    class A extends parent() {}
    @Controller()
    class B extends parent() {}
    const app = await limitedApp({ controllers: [A, B] });
    expect(await app.calls(3, to(A, 'list'))).toEqual([true, true, false]);
    expect(await app.calls(3, to(B, 'list'))).toEqual([true, true, false]);
  });

  it('under one key and id, across applications that are deployed alike', async () => {
    const charges = async (): Promise<unknown> =>
      (await limitedApp({ controllers: [Cats] }, { policies: { search: '1/m' } })).charges(to(Cats, 'find'));
    expect(await charges()).toEqual(await charges());
  });
});

describe('@SkipRateLimit', () => {
  @RateLimit({ name: 'class', rate: '9/m' })
  @Controller()
  class Skipping {
    @SkipRateLimit()
    everything(): void {
      nothing();
    }
    @SkipRateLimit('api')
    applied(): void {
      nothing();
    }
    @SkipRateLimit('class')
    ofClass(): void {
      nothing();
    }
    @SkipRateLimit('api', 'class')
    both(): void {
      nothing();
    }
    @SkipRateLimit('api')
    @SkipRateLimit('class')
    stacked(): void {
      nothing();
    }
    @SkipRateLimit('own')
    @RateLimit({ name: 'own', rate: '9/m' })
    own(): void {
      nothing();
    }
    @SkipRateLimit('spare')
    unused(): void {
      nothing();
    }
  }

  @SkipRateLimit()
  @RateLimit('spare')
  @Controller()
  class Lifted {
    plain(): void {
      nothing();
    }
    @RateLimit('9/m')
    limited(): void {
      nothing();
    }
    @RateLimit('api')
    again(): void {
      nothing();
    }
  }

  @SkipRateLimit('api')
  @Controller()
  class Named {
    plain(): void {
      nothing();
    }
    @RateLimit({ name: 'api', rate: '8/m' })
    own(): void {
      nothing();
    }
  }

  it.each<[string, Target, string[]]>([
    ['all limits of a method', to(Skipping, 'everything'), []],
    ['an applied one', to(Skipping, 'applied'), ['class']],
    ['one of the class', to(Skipping, 'ofClass'), ['api']],
    ['several', to(Skipping, 'both'), []],
    ['several, stacked', to(Skipping, 'stacked'), []],
    ['one of the method itself', to(Skipping, 'own'), ['api', 'class']],
    ['one that does not apply, to no effect', to(Skipping, 'unused'), ['api', 'class']],
    ['on a class: what is applied and what the class says', to(Lifted, 'plain'), []],
    ['on a class: not what a method says', to(Lifted, 'limited'), ['9/m']],
    ['on a class: not what a method names anew', to(Lifted, 'again'), ['api']],
    ['on a class, a name: what is applied', to(Named, 'plain'), []],
    ['on a class, a name: not the one of a method', to(Named, 'own'), ['api']],
  ])('lifts %s', async (_what, target, left) => {
    const app = await limitedApp(
      { controllers: [Skipping, Lifted, Named] },
      { policies: { api: '9/m', spare: '9/m' }, apply: ['api'] },
    );
    expect(names(await app.call(target))).toEqual(left);
  });
});

describe('a wrong decorator stops the start', () => {
  const start = async (
    decorate: (target: object, method: string, descriptor: PropertyDescriptor) => void,
    kind: 'controllers' | 'providers' = 'controllers',
  ): Promise<unknown> => {
    class Wrong {
      find(): void {
        nothing();
      }
    }
    const descriptor = Object.getOwnPropertyDescriptor(Wrong.prototype, 'find')!;
    decorate(Wrong.prototype, 'find', descriptor);
    (kind === 'controllers' ? Controller() : Injectable())(Wrong);
    return limitedApp({ [kind]: [Wrong] }, { policies: { api: '9/m' } });
  };

  it.each<[string, PolicyInput[], string]>([
    [
      'an unknown name',
      ['logni'],
      "@RateLimit() of Wrong.find: received 'logni'. There is no policy of that name. The policies are 'api'.",
    ],
    ['a wrong rate', ['5/minute'], "@RateLimit() of Wrong.find: received '5/minute'. Give whole units"],
    ['a wrong option', [{ rate: '5/m', mode: 'dry' as 'shadow' }], "@RateLimit() of Wrong.find.mode: received 'dry'."],
    ['no policy', [], '@RateLimit() of Wrong.find: received an array of 0. Give at least one policy'],
    ['nothing for a policy', [undefined as unknown as string], '@RateLimit() of Wrong.find: received undefined.'],
    [
      'two of one name',
      [
        { name: 'a', rate: '1/s' },
        { name: 'a', rate: '5/m' },
      ],
      "@RateLimit() of Wrong.find: received 'a'. Two different policies",
    ],
  ])('with %s, on a controller and on a provider', async (_what, policies, message) => {
    await expect(start(RateLimit(...policies))).rejects.toThrow(message);
    await expect(start(RateLimit(...policies), 'providers')).rejects.toThrow(message);
  });

  it('with an unknown name to skip', async () => {
    await expect(start(SkipRateLimit('logni'))).rejects.toThrow(
      "@SkipRateLimit() of Wrong.find: received 'logni'. There is no policy of that name.",
    );
  });

  it('with an unknown name to apply', async () => {
    await expect(limitedApp({}, { apply: ['api'] })).rejects.toThrow(
      "apply: received 'api'. There is no policy of that name. The module names no policies",
    );
  });

  it('on a class', async () => {
    @RateLimit('logni')
    @Controller()
    class WrongClass {
      find(): void {
        nothing();
      }
    }
    await expect(limitedApp({ controllers: [WrongClass] })).rejects.toThrow(
      "@RateLimit() of WrongClass: received 'logni'",
    );
  });

  it('where nothing is called', () => {
    const decorate = RateLimit('5/m') as PropertyDecorator;
    expect(() => decorate({ constructor: class Field {} }, 'find')).toThrow(
      'Field.find: received undefined. Decorate a class or a method',
    );
    const skip = SkipRateLimit() as MethodDecorator;
    expect(() => skip({ constructor: class Field {} }, 'find', { get: nothing })).toThrow(
      'Decorate a class or a method',
    );
  });
});
