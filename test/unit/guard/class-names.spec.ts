import { jest } from '@jest/globals';
import { Controller, Injectable, Logger, Module, type ModuleMetadata } from '@nestjs/common';
import { RateLimit } from 'nestjs-floodgate';
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
