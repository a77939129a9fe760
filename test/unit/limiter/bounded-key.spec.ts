import { createHmac } from 'node:crypto';
import { boundedKey, storedKeys } from '../../../lib/limiter/bounded-key.js';

const HASH = /^sha256:[\w-]{43}$/;

describe('a bounded key', () => {
  it.each(['a', 'user:42', '__proto__', 'a{b}c', '😀', ' ', '|%\n\0', 'x'.repeat(256)])('is %j itself', (key) => {
    expect(boundedKey(key)).toBe(key);
  });

  it.each(['x'.repeat(257), 'y'.repeat(10_000), '😀'.repeat(129)])('is the hash of what is long', (key) => {
    expect(boundedKey(key)).toMatch(HASH);
  });

  it('keeps long keys apart', () => {
    const keys = ['x'.repeat(10_000), `${'x'.repeat(9_999)}y`, `y${'x'.repeat(9_999)}`];
    expect(new Set(keys.map(boundedKey)).size).toBe(3);
  });

  it('tells long keys apart that are the same but for lone surrogates', () => {
    const [one, other] = ['\ud800', '\udbff'].map((lone) => boundedKey(lone + 'x'.repeat(300)));
    expect(one).not.toBe(other);
  });

  it('is a hash of its own for each key with half a character', () => {
    const keys = ['\ud800', '\udbff', 'a\udc00', '\udc00\ud800'].map(boundedKey);
    for (const key of keys) expect(key).toMatch(HASH);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('cannot be made by writing its hash', () => {
    const hashed = boundedKey('x'.repeat(257));
    expect(boundedKey(hashed)).toMatch(HASH);
    expect(boundedKey(hashed)).not.toBe(hashed);
  });

  it.each([
    { key: '', found: "''" },
    { key: undefined, found: 'undefined' },
    { key: null, found: 'object' },
    { key: 42, found: 'number' },
    { key: {}, found: 'object' },
    { key: Symbol('x'), found: 'symbol' },
  ])('refuses what is $found', ({ key, found }) => {
    expect(() => boundedKey(key as string)).toThrow(
      new TypeError(`A rate-limit key must be a string that is not empty; received ${found}.`),
    );
  });
});

describe('a stored key', () => {
  const keyed = (secret: string, key: string): string =>
    `hmac:${createHmac('sha256', secret).update(key, 'utf16le').digest('base64url')}`;

  it.each([
    [false, 'user:42', 'user:42'],
    [true, 'user:42', keyed('nestjs-floodgate', 'user:42')],
    [{ secret: 'own' }, 'user:42', keyed('own', 'user:42')],
    [{ secret: 'own' }, 'hmac:x', keyed('own', 'hmac:x')],
  ])('of hashKeys %j for %s is %s', (hashKeys, key, expected) => {
    expect(storedKeys(hashKeys)(key)).toBe(expected);
  });

  it.each([false, true, { secret: 'own' }])('of hashKeys %j is never that of nothing', (hashKeys) => {
    expect(() => storedKeys(hashKeys)('')).toThrow(
      new TypeError("A rate-limit key must be a string that is not empty; received ''."),
    );
  });
});
