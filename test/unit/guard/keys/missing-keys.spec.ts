import { jest } from '@jest/globals';
import { Controller, Logger } from '@nestjs/common';
import { type KeyInput, type KeyResolver, RateLimit } from 'nestjs-floodgate';
import type { Injection } from '../../../../lib/guard/injection.js';
import { KeyReaders } from '../../../../lib/guard/keys/key-reader.js';
import { callOf, httpCall, routes, transportsOf } from '../calls.js';
import { limitedApp } from '../limited-app.js';

const readers = (): KeyReaders =>
  new KeyReaders({ ipv6PrefixBits: 64, userKey: undefined }, {} as Injection, transportsOf(), routes);

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
    class Cats {
      @RateLimit({ rate: '9/m', key: TenantKey })
      find(): void {
        // Called by nobody.
      }
    }
    const app = await limitedApp({ controllers: [Cats] });
    for (let time = 0; time < 2; time += 1) await app.call({ type: Cats, method: 'find' });
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
