import { jest } from '@jest/globals';
import { Controller, Logger } from '@nestjs/common';
import { type KeyInput, type KeyResolver, RateLimit } from 'nestjs-floodgate';
import type { Injection } from '../../../../lib/guard/injection.js';
import { KeyReaders } from '../../../../lib/guard/keys/key-reader.js';
import { callOf, httpCall, routes, transportsOf } from '../calls.js';
import { limitedApp } from '../limited-app.js';

const readers = (): KeyReaders =>
  new KeyReaders({ ipv6PrefixBits: 64, userKey: undefined }, {} as Injection, transportsOf(), routes);

class Cats {
  find(): void {
    // Called by nobody.
  }
}

class Dogs extends Cats {
  override find(): void {
    // Called by nobody.
  }
}

describe('a call that lacks a key', () => {
  let warn: jest.SpiedFunction<Logger['warn']>;
  beforeEach(() => {
    warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
  });
  afterEach(() => {
    warn.mockRestore();
  });

  it.each<[KeyInput, string]>([
    ['user', "the key 'user'"],
    ['header:X-Tenant', "the key 'header:x-tenant'"],
    ['query:q', "the key 'query:q'"],
    ['ip-from:cf-connecting-ip', "the key 'ip-from:cf-connecting-ip'"],
    [[() => undefined][0]!, "the key of the function 'without a name'"],
  ])('is told of with what it lacks: %s', (key, what) => {
    expect(readers().of(key)(httpCall({ headers: {} }))).toBe('ip:192.0.2.1');
    expect(warn.mock.calls).toEqual([[`A call lacks ${what}: such calls are limited by ip instead.`]]);
  });

  it.each(['user', 'user-or-ip', 'header:x', 'ip-from:x', 'query:x', 'param:x', 'body:x'] as const)(
    'is counted for its handler where nothing is known of its caller: %s',
    (key) => {
      expect(readers().of(key)(callOf('telegram', [{}]))).toBe('handler:Anything.handle');
    },
  );

  it('is told of once for each handler that has no address', () => {
    const all = readers();
    const [one, other] = [Cats, Dogs].map((type) => callOf('rpc', [{}, {}], { type, method: 'find' }));
    const keys = [one, other, one].map((call) => all.of('ip')(call!));
    expect(keys).toEqual(['handler:Cats.find', 'handler:Dogs.find', 'handler:Cats.find']);
    const lines = ['Cats.find', 'Dogs.find'].map(
      (name) => `Calls of ${name} have no ip address: they share one key. Give the policy another key.`,
    );
    expect(warn.mock.calls.map(([line]) => line)).toEqual(lines);
    expect(warn.mock.contexts[0]).toMatchObject({ context: 'RateLimit' });
  });

  it.each<[string, string | undefined | Promise<undefined>]>([
    ['at once', undefined],
    ['later', Promise.resolve(undefined)],
  ])('is told of with the class that finds none %s', async (_when, answer) => {
    class TenantKey implements KeyResolver {
      resolve(): string | undefined {
        return answer as string | undefined;
      }
    }
    @Controller()
    class Limited {
      @RateLimit({ rate: '9/m', key: TenantKey })
      find(): void {
        // Called by nobody.
      }
    }
    const app = await limitedApp({ controllers: [Limited] });
    for (let time = 0; time < 2; time += 1) await app.call({ type: Limited, method: 'find' });
    expect(app.backend.keys()).toEqual(['ip:192.0.2.1', 'ip:192.0.2.1']);
    expect(warn.mock.calls).toEqual([
      ["A call lacks the key of the class 'TenantKey': such calls are limited by ip instead."],
    ]);
  });

  it('is told of once for each function that finds none', async () => {
    const all = readers();
    const tenantOf = (): undefined => undefined;
    const accountOf = async (): Promise<string> => '';
    for (const key of [tenantOf, accountOf, tenantOf, accountOf]) await all.of(key)(httpCall());
    expect(warn.mock.calls).toEqual([
      ["A call lacks the key of the function 'tenantOf': such calls are limited by ip instead."],
      ["A call lacks the key of the function 'accountOf': such calls are limited by ip instead."],
    ]);
  });

  it('is told of once for each missing key', () => {
    const all = readers();
    for (const key of ['header:a', 'header:b', 'header:a'] as const) void all.of(key)(httpCall({ headers: {} }));
    expect(warn).toHaveBeenCalledTimes(2);
  });
});

describe('the whole address of a call', () => {
  it.each([
    ['192.0.2.1', 'ip:192.0.2.1'],
    ['::ffff:192.0.2.1', 'ip:192.0.2.1'],
    ['2001:DB8:1:2:3:4:5:6', 'ip:2001:db8:1:2:3:4:5:6/128'],
    ['unknown', undefined],
    [undefined, undefined],
    [42, undefined],
    [{ toString: () => '192.0.2.1' }, undefined],
  ])('of %p is %p', (ip, address) => {
    expect(readers().addressOf(httpCall({ ip }))).toBe(address);
  });

  it('is known over HTTP alone', () => {
    expect(readers().addressOf(callOf('http', []))).toBeUndefined();
    const socket = { handshake: { address: '192.0.2.1' } };
    expect(readers().addressOf(callOf('ws', [socket, {}]))).toBeUndefined();
    expect(readers().of('ip')(callOf('ws', [socket, {}]))).toBe('ip:192.0.2.1');
  });
});
