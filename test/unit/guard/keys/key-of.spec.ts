import { keyOf, type KeyInput } from 'nestjs-floodgate';
import type { Injection } from '../../../../lib/guard/injection.js';
import { KeyReaders } from '../../../../lib/guard/keys/key-reader.js';
import { httpCall, routes, transportsOf } from '../calls.js';

const readers = (ipv6PrefixBits = 64): KeyReaders =>
  new KeyReaders({ ipv6PrefixBits, userKey: undefined }, {} as Injection, transportsOf(), routes);

const NO_ID = 'keyOf.user() was given no id: give a text, a number or an ObjectId.';
const emptyValue = (source: string): string =>
  `keyOf.${source}() got an empty value. For such a call the guard uses the IP address: use keyOf.ip().`;

describe('keyOf', () => {
  it.each<[string, () => string, KeyInput, object]>([
    ['an address', () => keyOf.ip('192.0.2.9'), 'ip', { ip: '::ffff:192.0.2.9' }],
    ['an IPv6 address', () => keyOf.ip('2001:db8:1:2:3::4'), 'ip', { ip: '2001:DB8:1:2::9' }],
    ['an address of a header', () => keyOf.ip('192.0.2.9'), 'ip-from:x', { headers: { x: '192.0.2.9' } }],
    ['a user', () => keyOf.user(42), 'user', { user: { id: '42' } }],
    ['a user by an object', () => keyOf.user({ toString: () => 'a1' }), 'user', { user: { _id: 'a1' } }],
    ['a header', () => keyOf.header('X-Tenant', 'Acme'), 'header:x-tenant', { headers: { 'x-tenant': 'Acme' } }],
    ['a header given twice', () => keyOf.header('x', ['a', 'b']), 'header:X', { headers: { x: ['a', 'b'] } }],
    ['a query value', () => keyOf.query('q', 'a|b'), 'query:q', { query: { q: 'a|b' } }],
    ['a query value given twice', () => keyOf.query('q', ['a', 'b']), 'query:q', { query: { q: ['a', 'b'] } }],
    ['a number of a body', () => keyOf.body('id', 7), 'body:id', { body: { id: 7 } }],
    ['a route value', () => keyOf.param('id', 7), 'param:id', { params: { id: '7' } }],
    [
      'a value of a body',
      () => keyOf.body('email', 'a@example.org'),
      'body:email',
      { body: { email: 'a@example.org' } },
    ],
    [
      'several',
      () => keyOf.composed('global', keyOf.query('q', 'a|%'), keyOf.ip('192.0.2.1')),
      ['global', 'query:q', 'ip'],
      { query: { q: 'a|%' } },
    ],
    [
      'several of several',
      () => keyOf.composed(keyOf.user(1), keyOf.composed(keyOf.ip('192.0.2.1'), 'global')),
      ['user', ['ip', 'global']],
      { user: { id: 1 } },
    ],
  ])('makes the key of %s that the guard makes', (_what, key, input, request) => {
    expect(readers().of(input)(httpCall(request))).toBe(key());
  });

  it('joins several keys so that none reads as two', () => {
    expect(keyOf.composed('a%7C', 'b|c', 'global')).toBe('a%257C|b%7Cc|global');
  });

  it.each([32, 56, 96, 128])('groups addresses by %d bits as the guard does', (bits) => {
    const read = readers(bits).of('ip');
    const address = '2001:db8:1:2ff:3:4:5:6';
    expect(read(httpCall({ ip: address }))).toBe(keyOf.ip(address));
    expect(keyOf.ip(address)).toMatch(new RegExp(`/${bits}$`));
  });

  it('groups addresses by as many bits as it is given', () => {
    readers(64);
    expect(keyOf.ip('2001:db8:1:2ff::6', 56)).toBe('ip:2001:db8:1:200::/56');
  });

  it.each<[string, () => unknown, string]>([
    ['no address', () => keyOf.ip('localhost'), 'keyOf.ip() was given no IP address.'],
    ['an empty id', () => keyOf.user(''), NO_ID],
    ['no id', () => keyOf.user(undefined as unknown as string), NO_ID],
    ['an object without a text', () => keyOf.user({}), NO_ID],
    ['an empty header', () => keyOf.header('x', ''), emptyValue('header')],
    ['an empty list', () => keyOf.query('x', []), emptyValue('query')],
    ['an empty value of a route', () => keyOf.param('x', ''), emptyValue('param')],
    ['an empty value of a body', () => keyOf.body('x', ''), emptyValue('body')],
  ])('is an error for %s, which does not show the value', (_what, make, message) => {
    expect(make).toThrow(new TypeError(message));
  });
});
