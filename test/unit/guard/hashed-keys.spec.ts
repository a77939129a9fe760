import { Controller } from '@nestjs/common';
import { RateLimit, type RateLimitModuleOptions } from 'nestjs-floodgate';
import { limitedApp } from './limited-app.js';

@Controller()
class Accounts {
  @RateLimit(
    { name: 'address', rate: '9/m' },
    { name: 'user', rate: '9/m', key: 'user' },
    { name: 'own', rate: '9/m', key: () => 'plain@example.org' },
  )
  show(): void {
    // Called by nobody.
  }
}

const keysOf = async (hashKeys: RateLimitModuleOptions['hashKeys']): Promise<readonly string[]> => {
  const app = await limitedApp({ controllers: [Accounts] }, hashKeys === undefined ? {} : { hashKeys });
  await app.call({ type: Accounts, method: 'show' }, { user: { id: 'ann' } });
  return app.backend.keys();
};

const HASHED = /^hmac:[\w-]{43}$/;

describe('hashKeys', () => {
  it('is off by default, and where it is false', async () => {
    const plain = ['ip:192.0.2.1', 'user:ann', 'plain@example.org'];
    expect(await keysOf(undefined)).toEqual(plain);
    expect(await keysOf(false)).toEqual(plain);
  });

  it.each<[string, RateLimitModuleOptions['hashKeys']]>([
    ['true', true],
    ['a secret', { secret: 'a long random text' }],
  ])('with %s hands backends hashes only, each its own, and the same in every process', async (_what, hashKeys) => {
    const keys = await keysOf(hashKeys);
    expect(keys).toHaveLength(3);
    for (const key of keys) expect(key).toMatch(HASHED);
    expect(new Set(keys).size).toBe(3);
    expect(await keysOf(hashKeys)).toEqual(keys);
  });

  it('makes other hashes of another secret', async () => {
    const all = await Promise.all([keysOf(true), keysOf({ secret: 'a' }), keysOf({ secret: 'b' })]);
    expect(new Set(all.flat()).size).toBe(9);
  });

  it.each([{ secret: '' }, { secret: 7 }, {}, { secret: 'x', salt: 'y' }, 'top secret', 1, null])(
    'is refused for %j, without telling a secret',
    async (hashKeys) => {
      const start = limitedApp({}, { hashKeys: hashKeys as unknown as true });
      await expect(start).rejects.toThrow(/^hashKeys(\.secret|\.salt)?: received /);
      await expect(start).rejects.not.toThrow('top secret');
    },
  );
});
