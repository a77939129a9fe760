import { Controller, Inject, Injectable, Module, Scope, type Type } from '@nestjs/common';
import { ContextIdFactory, ModuleRef, REQUEST } from '@nestjs/core';
import { REQUEST_CONTEXT_ID } from '@nestjs/core/router/request/request-constants.js';
import { Injection, isResolverClass } from '../../../lib/guard/injection.js';
import { callOf, httpCall, type Target } from './calls.js';
import { limitedApp } from './limited-app.js';

class Resolver {
  resolve(): string {
    return 'key';
  }
}

describe('a class that injection makes', () => {
  it.each<[string, unknown]>([
    ['has resolve as a method', Resolver],
    ['is an heir of one that has', class extends Resolver {}],
    [
      'has resolve as a property',
      class {
        readonly resolve = (): string => 'key';
      },
    ],
    ['is written in an old way', Object.assign(function () {}, { prototype: { resolve: () => 'key' } })],
  ])('is a class that %s', (_what, input) => {
    expect(isResolverClass(input as Type<Resolver>)).toBe(true);
  });

  it.each<[string, unknown]>([
    ['an arrow function', () => 'key'],
    [
      'a function',
      function () {
        return 'key';
      },
    ],
    ['a function whose prototype has something else', Object.assign(function () {}, { prototype: { resolve: 'key' } })],
    [
      'a function whose name begins like a class',
      function classify() {
        return 'class Key';
      },
    ],
    ['a method', { class_() {} }.class_],
  ])('is not %s', (_what, input) => {
    expect(isResolverClass(input as () => string)).toBe(false);
  });
});

@Injectable()
class Plans {
  readonly of = 'plans';
}

/** Not provided: made in the module of the called class, which alone has the plans. */
@Injectable()
class Unprovided extends Resolver {
  static made = 0;
  constructor(@Inject(Plans) readonly plans: Plans) {
    super();
    Unprovided.made += 1;
  }
}

@Injectable()
class Provided extends Resolver {}

@Injectable({ scope: Scope.REQUEST })
class PerRequest extends Resolver {
  constructor(@Inject(REQUEST) readonly request: unknown) {
    super();
  }
}

@Injectable({ scope: Scope.TRANSIENT })
class Transient extends Resolver {}

class Handling {
  handle(): void {
    // Called by nobody.
  }
}

@Controller()
class Cats extends Handling {}

@Injectable()
class Dogs extends Handling {}

class Strays extends Handling {}

@Module({ controllers: [Cats], providers: [Dogs, Plans, PerRequest, Transient] })
class PetsModule {}

const on = (type: Target['type']): Target => ({ type, method: 'handle' });

const start = async (): Promise<Injection> => {
  const app = await limitedApp({ imports: [PetsModule], providers: [Provided] });
  return app.get(Injection);
};

describe('injection', () => {
  beforeEach(() => {
    Unprovided.made = 0;
  });

  it('hands out the provider of the application, of any module', async () => {
    const app = await limitedApp({ imports: [PetsModule], providers: [Provided] });
    expect(app.get(Injection).instanceOf(Provided, httpCall({}, on(Cats)))).toBe(app.get(Provided));
  });

  it.each<[string, Target]>([
    ['controller', on(Cats)],
    ['provider', on(Dogs)],
  ])('makes what nobody provides in the module of the called %s, once', async (_kind, target) => {
    const injection = await start();
    const asked = [
      injection.instanceOf(Unprovided, httpCall({}, target)),
      injection.instanceOf(Unprovided, httpCall()),
    ];
    const [one, other] = await Promise.all(asked);
    expect(one).toBeInstanceOf(Unprovided);
    expect(one?.plans).toBeInstanceOf(Plans);
    expect(other).toBe(one);
    expect(injection.instanceOf(Unprovided, httpCall({}, target))).toBe(one);
    expect(Unprovided.made).toBe(1);
  });

  it('makes it as well for a class of no module, as long as it needs nothing', async () => {
    class Bare extends Resolver {}
    const injection = await start();
    expect(await injection.instanceOf(Bare, httpCall({}, on(Strays)))).toBeInstanceOf(Bare);
    await expect(injection.instanceOf(Unprovided, httpCall({}, on(Strays)))).rejects.toThrow('Plans');
  });

  it('tries again what it could not make', async () => {
    let isBroken = true;
    class Fragile extends Resolver {
      constructor() {
        super();
        if (isBroken) throw new Error('broken');
      }
    }
    const injection = await start();
    await expect(injection.instanceOf(Fragile, httpCall())).rejects.toThrow('broken');
    isBroken = false;
    expect(await injection.instanceOf(Fragile, httpCall())).toBeInstanceOf(Fragile);
  });

  it('hands out one of a request-scoped class for each request, which is given the request', async () => {
    const injection = await start();
    const [one, other] = [httpCall({ n: 1 }, on(Cats)), httpCall({ n: 2 }, on(Cats))];
    const ofOne = await injection.instanceOf(PerRequest, one);
    expect(ofOne.request).toBe(one.switchToHttp().getRequest());
    expect(await injection.instanceOf(PerRequest, one)).toBe(ofOne);
    const ofOther = await injection.instanceOf(PerRequest, other);
    expect(ofOther.request).toBe(other.switchToHttp().getRequest());
  });

  it('uses the context that Nest made for a request, as for a controller that is request-scoped', async () => {
    const app = await limitedApp({ imports: [PetsModule] });
    const request = { [REQUEST_CONTEXT_ID]: ContextIdFactory.create() };
    const ofNest = { made: 'by Nest' };
    app.get(ModuleRef).registerRequestByContextId(ofNest, request[REQUEST_CONTEXT_ID]);
    const made = await app.get(Injection).instanceOf(PerRequest, callOf('http', [request], on(Cats)));
    expect(made.request).toBe(ofNest);
  });

  it('gives what is known of the caller of a message in place of a request, the same for the whole call', async () => {
    const injection = await start();
    const message = callOf('rpc', [{ user: { id: 7 } }, {}], on(Cats));
    const made = await injection.instanceOf(PerRequest, message);
    expect(made.request).toEqual({ user: { id: 7 }, ip: undefined });
    expect(await injection.instanceOf(PerRequest, message)).toBe(made);
  });

  it('gives an empty object where no caller is known, another to each call', async () => {
    const injection = await start();
    const calls = [callOf('telegram', [{}], on(Cats)), callOf('telegram', [{}], on(Cats))];
    const [one, other] = await Promise.all(calls.map((call) => injection.instanceOf(PerRequest, call)));
    expect([one?.request, other?.request]).toEqual([{}, {}]);
    expect(one).not.toBe(other);
  });

  it('makes a request-scoped class for a call without an object of its own', async () => {
    const injection = await start();
    const made = await injection.instanceOf(PerRequest, callOf('rpc', ['text'], on(Cats)));
    expect(made.request).toEqual({ user: undefined, ip: undefined });
  });

  it('hands out one of a transient class for each request', async () => {
    const injection = await start();
    const [one, other] = [httpCall({}, on(Cats)), httpCall({}, on(Cats))];
    const ofOne = await injection.instanceOf(Transient, one);
    expect(ofOne).toBeInstanceOf(Transient);
    expect(await injection.instanceOf(Transient, one)).toBe(ofOne);
    expect(await injection.instanceOf(Transient, other)).not.toBe(ofOne);
  });
});
