import { jest } from '@jest/globals';
import { Controller, Injectable, Logger, Module, type ModuleMetadata } from '@nestjs/common';
import { RateLimit } from 'nestjs-floodgate';
import { namesApart, sharedNames } from '../../../lib/guard/class-names.js';
import { limitedApp } from './limited-app.js';

const nothing = (): void => undefined;

const inline = (): MethodDecorator => RateLimit('3/m');
const named = (): MethodDecorator => RateLimit('api');

/** A class as a bundler leaves it: its name is one letter, as that of others. */
function minified(limit?: MethodDecorator, Parent: abstract new () => object = Object): new () => object {
  class a extends Parent {
    find(): void {
      nothing();
    }
  }
  limit?.(a.prototype, 'find', Object.getOwnPropertyDescriptor(a.prototype, 'find')!);
  Controller()(a);
  return a;
}

async function warningsOf(metadata: ModuleMetadata): Promise<unknown[]> {
  const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
  try {
    await limitedApp(metadata, { policies: { api: '3/m', each: { rate: '3/m', scope: 'route' } } });
    for (const logger of warn.mock.contexts) expect(logger).toMatchObject({ context: 'RateLimit' });
    return warn.mock.calls.map(([message]) => message);
  } finally {
    warn.mockRestore();
  }
}

const WARNING =
  "Several classes are called 'a', by which their counters are named. Another build may tell them apart in another order: define their policies by name in the module's option policies, or keep the names of classes when you bundle.";

describe('classes of one name', () => {
  it.each<[string, () => ModuleMetadata]>([
    ['two controllers', () => ({ controllers: [minified(inline()), minified(inline())] })],
    ['one of two controllers', () => ({ controllers: [minified(), minified(inline())] })],
    ['three, once', () => ({ controllers: [minified(inline()), minified(inline()), minified(inline())] })],
    ['a parent of another', () => ({ controllers: [minified(named()), class B extends minified(inline()) {}] })],
    ['a route of a policy with scope route', () => ({ controllers: [minified(RateLimit('each')), minified()] })],
    ['a dynamic policy', () => ({ controllers: [minified(RateLimit(() => '3/m')), minified()] })],
    [
      'classes of two modules',
      () => {
        @Module({ controllers: [minified(inline())] })
        class Other {}
        return { imports: [Other], controllers: [minified(inline())] };
      },
    ],
  ])('are told of where counters bear it: %s', async (_what, metadata) => {
    expect(await warningsOf(metadata())).toEqual([WARNING]);
  });

  it.each<[string, () => ModuleMetadata]>([
    ['their policies have names of the module', () => ({ controllers: [minified(named()), minified(named())] })],
    ['none of them is limited', () => ({ controllers: [minified(), minified()] })],
    ['there is one', () => ({ controllers: [minified(inline())] })],
    [
      'the other is limited by a name of its own',
      () => {
        @Injectable()
        class b {
          @RateLimit('3/m')
          find(): void {
            nothing();
          }
        }
        return { controllers: [minified(), minified()], providers: [b] };
      },
    ],
  ])('are not told of where %s', async (_what, metadata) => {
    expect(await warningsOf(metadata())).toEqual([]);
  });
});

describe('names that tell classes apart', () => {
  const named = (name: string, Parent: abstract new () => object = Object): new () => object =>
    ({ [name]: class extends Parent {} })[name]!;

  it('are those of their modules, and then count', () => {
    const [one, other, third, alone] = [named('Cats'), named('Cats'), named('Cats'), named('Dogs')];
    const names = namesApart(
      new Map([
        [one, 'A'],
        [alone, 'A'],
        [other, 'B'],
        [third, 'B'],
      ]),
    );
    expect([...names]).toEqual([
      [one, 'A/Cats'],
      [other, 'B/Cats'],
      [third, 'B/Cats~2'],
    ]);
  });

  it('count as often as a module has one', () => {
    const classes = [named('Cats'), named('Cats'), named('Cats')];
    const names = namesApart(new Map(classes.map((type) => [type, 'A'])));
    expect([...names.values()]).toEqual(['A/Cats', 'A/Cats~2', 'A/Cats~3']);
  });

  it('of a parent are those of its first heir’s module', () => {
    const [one, other] = [named('Crud'), named('Crud')];
    const heirs = [named('A', one), named('B', other), named('C', one)] as const;
    const names = namesApart(new Map(heirs.map((type, index) => [type, `Module${index}`])));
    expect([...names]).toEqual([
      [one, 'Module0/Crud'],
      [other, 'Module1/Crud'],
    ]);
  });

  it('are found for a class whose constructor inherits nothing', () => {
    const [one, other] = [named('Cats'), named('Cats')];
    Object.setPrototypeOf(one, null);
    Object.defineProperty(one, 'name', { value: 'Cats' });
    const classes = [one, other].map((type) => [type, 'A'] as const);
    expect([...namesApart(new Map(classes)).values()]).toEqual(['A/Cats', 'A/Cats~2']);
  });

  it.each([
    ['a route', '@A/Cats.find[0]', ['Cats']],
    ['a class', '@A/Cats[0]', ['Cats']],
    ['a policy of a class', '@A/Cats:api', ['Cats']],
    ['a policy with scope route', 'api@A/Cats.find', ['Cats']],
    ['another class', '@A/CatsToo[0]', []],
    ['a policy of the module', 'A/Cats', []],
  ])('bear a counter of %s', (_what, id, shared) => {
    const apart = new Map([
      [named('Cats'), 'A/Cats'],
      [named('Dogs'), 'A/Dogs'],
    ]);
    expect([...sharedNames(apart, ['@Birds[0]', id])]).toEqual(shared);
  });
});
