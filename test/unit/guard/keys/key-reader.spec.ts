import { jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { KeyInput } from 'nestjs-floodgate';
import type { Injection } from '../../../../lib/guard/injection.js';
import { KeyReaders } from '../../../../lib/guard/keys/key-reader.js';
import { expectNoUnhandled } from '../../../support/unhandled.js';
import { callOf, httpCall, routes, transportsOf } from '../calls.js';

const readers = (userKey?: (user: unknown) => string | undefined): KeyReaders =>
  new KeyReaders({ ipv6PrefixBits: 64, userKey }, {} as Injection, transportsOf(), routes);

/** An identity that is an object with a text of its own, as databases have them. */
class ObjectId {
  constructor(private readonly hex: string) {}
  toString(): string {
    return this.hex;
  }
}

const read = (key: KeyInput, request: object): unknown => readers().of(key)(httpCall(request));

describe('a key that is read of a request', () => {
  let warn: jest.SpiedFunction<Logger['warn']>;
  beforeEach(() => {
    warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
  });
  afterEach(() => {
    warn.mockRestore();
  });

  it.each([
    [{ id: 42 }, 'user:42'],
    [{ id: 0 }, 'user:0'],
    [{ id: 'a-b' }, 'user:a-b'],
    [{ id: 10n }, 'user:10'],
    [{ sub: 'subject' }, 'user:subject'],
    [{ id: 1, sub: 'subject' }, 'user:1'],
    [{ id: '', sub: 'subject' }, 'user:subject'],
    [{ id: null, sub: 'subject' }, 'user:subject'],
    [{ userId: 7 }, 'user:7'],
    [{ _id: 'a' }, 'user:a'],
    [{ userId: 'u', _id: 'm' }, 'user:u'],
    [{ _id: new ObjectId('65f0c0ffee') }, 'user:65f0c0ffee'],
    [{ id: new ObjectId('1'), sub: 'subject' }, 'user:1'],
    [{ id: new ObjectId(''), sub: 'subject' }, 'user:subject'],
  ])('is the user %p: %s', (user, expected) => {
    expect(read('user', { user })).toBe(expected);
    expect(warn).not.toHaveBeenCalled();
  });

  it.each([
    [undefined],
    [null],
    ['name'],
    [{}],
    [{ id: '' }],
    [{ id: NaN }],
    [{ id: Number.POSITIVE_INFINITY }],
    [{ id: {} }],
    [{ id: ['1'] }],
    [{ id: true }],
    [{ id: { toString: 'x' } }],
    [{ id: { toString: () => 5 } }],
    [{ id: Object.create(null) }],
    [{ id: () => 1 }],
  ])('is the ip where the user is %p', (user) => {
    expect(read('user', { user })).toBe('ip:192.0.2.1');
    expect(warn).toHaveBeenCalledTimes(1);
    expect(read('user-or-ip', { user })).toBe('ip:192.0.2.1');
    expect(warn).toHaveBeenCalledTimes(1);
  });

  it.each([
    ['192.0.2.1', 'ip:192.0.2.1'],
    ['192.0.2.1:4711', 'ip:192.0.2.1'],
    ['::ffff:192.0.2.1', 'ip:192.0.2.1'],
    ['::FFFF:c000:201', 'ip:192.0.2.1'],
    ['0:0:0:0:0:ffff:192.0.2.1', 'ip:192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', 'ip:2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::', 'ip:2001:db8:1:2::/64'],
    ['[2001:db8:1:2::9]:443', 'ip:2001:db8:1:2::/64'],
    ['[2001:db8:1:2::9]', 'ip:2001:db8:1:2::/64'],
    ['fe80::1%eth0', 'ip:fe80::/64'],
    ['::1', 'ip:::/64'],
  ])('is the address %s: %s', (ip, expected) => {
    expect(read('ip', { ip })).toBe(expected);
    expect(warn).not.toHaveBeenCalled();
  });

  it.each([
    [undefined],
    [null],
    [''],
    ['unknown'],
    ['localhost'],
    [42],
    [new ObjectId('192.0.2.9')],
    ['192.0.2.1, 192.0.2.2'],
    ['1.2.3.4:x'],
  ])('is one key for all, told once, where the ip is %p', (ip) => {
    const reader = readers().of('ip');
    expect(reader(httpCall({ ip }))).toBe('handler:Anything.handle');
    expect(reader(httpCall({ ip }))).toBe('handler:Anything.handle');
    expect(warn.mock.calls).toEqual([
      ['Calls of Anything.handle have no ip address: they share one key. Give the policy another key.'],
    ]);
  });

  it.each<[KeyInput, object]>([
    ['header:x', { headers: { x: ['', ''] } }],
    ['header:x', { headers: { x: 42 } }],
    ['query:x', { query: { x: [{ a: 1 }] } }],
    ['query:x', { query: null }],
    ['query:__proto__', { query: {} }],
    ['query:length', { query: ['a'] }],
    ['body:__proto__', { body: {} }],
    ['body:constructor', { body: {} }],
    ['body:inherited', { body: Object.create({ inherited: 'x' }) }],
    ['body:length', { body: 'a text' }],
    ['body:0', { body: ['a'] }],
    ['body:x', { body: { x: [] } }],
    ['body:x', { body: { x: Number.NaN } }],
    ['body:x', { body: { x: new ObjectId('a') } }],
    ['body:x', { body: null }],
    ['ip-from:cf-connecting-ip', { headers: {} }],
    ['ip-from:cf-connecting-ip', { headers: { 'cf-connecting-ip': '' } }],
    ['ip-from:cf-connecting-ip', { headers: { 'cf-connecting-ip': 'unknown' } }],
    ['ip-from:cf-connecting-ip', { headers: { 'cf-connecting-ip': '192.0.2.9, 192.0.2.8' } }],
    ['ip-from:cf-connecting-ip', { headers: { 'cf-connecting-ip': ['192.0.2.9', '192.0.2.8'] } }],
    ['ip-from:__proto__', { headers: {} }],
    [() => undefined, {}],
    [() => '', {}],
    [async () => undefined, {}],
    [async () => '', {}],
    [() => null as unknown as undefined, {}],
    ['param:hasOwnProperty', { params: {} }],
  ])('is the ip where %s is not to be had of %j', async (key, request) => {
    expect(await read(key, request)).toBe('ip:192.0.2.1');
    expect(warn).toHaveBeenCalledTimes(1);
  });

  it.each([
    ['192.0.2.9', 'ip:192.0.2.9'],
    ['192.0.2.9:4711', 'ip:192.0.2.9'],
    ['::ffff:192.0.2.9', 'ip:192.0.2.9'],
    ['2001:DB8:1:2::9', 'ip:2001:db8:1:2::/64'],
  ])('is the address %j out of a header: %s', (value, expected) => {
    expect(read('ip-from:CF-Connecting-IP', { headers: { 'cf-connecting-ip': value } })).toBe(expected);
    expect(warn).not.toHaveBeenCalled();
  });

  it('falls back within a composed key where a function finds no key', () => {
    expect(read(['global', () => undefined], {})).toBe('global|ip:192.0.2.1');
  });

  it.each([
    ['at once', () => JSON.parse('no') as string],
    ['later', async () => JSON.parse('no') as string],
  ])('lets an error of a key function through that is thrown %s', async (_when, key: KeyInput) => {
    await expect((async () => read(key, {}))()).rejects.toThrow(SyntaxError);
    expect(warn).not.toHaveBeenCalled();
  });

  it.each([
    [42, 'a value of type number'],
    [{}, 'a value of type object'],
    [true, 'a value of type boolean'],
    [['a', 'b'], 'an array'],
    [[], 'an array'],
    [0, 'a value of type number'],
    [false, 'a value of type boolean'],
  ])('is an error where a key function answers %p', (answer, found) => {
    const tenantOf = (() => answer) as unknown as () => string;
    const mend = `${found}: return a string, or undefined for the address.`;
    expect(() => read(tenantOf, {})).toThrow(new TypeError(`Key tenantOf returned ${mend}`));
    const [nameless] = [() => answer] as unknown as [() => string];
    expect(() => read(nameless, {})).toThrow(new TypeError(`Key function returned ${mend}`));
  });

  describe('with a userKey of the application', () => {
    const byAccount = (user: unknown): string | undefined => (user as { account?: string }).account;

    it('is what that finds', () => {
      expect(readers(byAccount).of('user')(httpCall({ user: { id: 1, account: 'acme' } }))).toBe('user:acme');
    });

    it('is asked of a user that is a text', () => {
      expect(readers(String).of('user')(httpCall({ user: 'ann' }))).toBe('user:ann');
    });

    it.each([[{ id: 1 }], [{ account: '' }]])('is the ip where it finds nothing of %p', (user) => {
      expect(readers(byAccount).of('user')(httpCall({ user }))).toBe('ip:192.0.2.1');
      expect(warn).toHaveBeenCalledTimes(1);
    });

    it.each([[undefined], [null]])('is not asked where the user is %p', (user) => {
      const never = (): string => {
        throw new Error('asked');
      };
      expect(readers(never).of('user-or-ip')(httpCall({ user }))).toBe('ip:192.0.2.1');
    });

    it('lets its error through', () => {
      const failing = (): string => {
        throw new RangeError('no such user');
      };
      expect(() => readers(failing).of('user')(httpCall({ user: {} }))).toThrow(RangeError);
    });
  });

  it('joins what is given several times, without what is empty', () => {
    expect(read('query:x', { query: { x: ['a', '', 'b', {}] } })).toBe('query:x:a,b');
  });

  it('keeps composed parts apart, whatever they hold', () => {
    const keys = [
      ['a|b', 'c'],
      ['a', 'b|c'],
      ['a%7Cb', 'c'],
    ].map(([a, b]) => read(['header:a', 'header:b'], { headers: { a, b } }));
    expect(new Set(keys).size).toBe(3);
  });

  it('nests composed keys', () => {
    expect(read(['global', ['ip', 'global']], {})).toBe('global|ip:192.0.2.1%7Cglobal');
  });

  it('leaves nothing unhandled when one part of a key throws while another is awaited and fails too', async () => {
    const failing: KeyInput = [
      () => Promise.reject(new Error('later')),
      () => {
        throw new Error('at once');
      },
    ];
    await expectNoUnhandled(async () => {
      await expect(read(failing, {})).rejects.toThrow(/later|at once/);
    });
  });

  it('reads each key by one function, made once', () => {
    const all = readers();
    const own = (): string => 'own';
    const composed: KeyInput = ['ip', own];
    for (const key of ['ip', 'user', 'header:x', own, composed] as const) expect(all.of(key)).toBe(all.of(key));
    expect(all.of([...composed])).not.toBe(all.of(composed));
  });

  it('does not take an address, header or value from the payload of a remote call', () => {
    const payload = { ip: '192.0.2.9', headers: { x: 'forged' }, user: { id: 7 } };
    const all = readers();
    expect(all.of('ip')(callOf('rpc', [payload, {}]))).toBe('handler:Anything.handle');
    expect(all.of('header:x')(callOf('rpc', [payload, {}]))).toBe('handler:Anything.handle');
    expect(all.of('user')(callOf('rpc', [payload, {}]))).toBe('user:7');
  });
});
