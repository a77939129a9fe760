import { jest } from '@jest/globals';
import { Controller, type ExecutionContext } from '@nestjs/common';
import { RateLimit, type RateLimitModuleOptions } from 'nestjs-floodgate';
import { callOf, type Target } from './calls.js';
import { limitedApp } from './limited-app.js';

const nothing = (): void => undefined;

@RateLimit({ name: 'class', rate: '9/m' })
@Controller()
class Cats {
  @RateLimit({ name: 'method', rate: '10/m', cost: 3 })
  find(): void {
    nothing();
  }
}

const FIND: Target = { type: Cats, method: 'find' };
const APPLIED = { policies: { api: '9/m' }, apply: ['api'] };

describe('what a call is charged', () => {
  it.each<[string, RateLimitModuleOptions]>([
    ['as it is', {}],
    ['with a list of other keys', { lists: { allow: ['user:7'] } }],
    ['with a key that comes later', { key: async () => 'ip:192.0.2.1' }],
    ['with a skipIf that skips nothing', { skipIf: () => false }],
  ])('is each policy, under its key, at its cost: %s', async (_how, options) => {
    const app = await limitedApp({ controllers: [Cats] }, { ...APPLIED, ...options });
    await app.call(FIND);
    const charged = app.backend.calls.map((all) => all.map(({ key, policy, cost }) => [key, policy.name, cost]));
    expect(charged).toEqual([
      [
        ['ip:192.0.2.1', 'api', 1],
        ['ip:192.0.2.1', 'class', 1],
        ['ip:192.0.2.1', 'method', 3],
      ],
    ]);
  });

  it.each<[string, string, readonly string[]]>([
    ['a message', 'rpc', ['class', 'method']],
    ['a message of a socket', 'ws', ['class', 'method']],
    ['a request', 'http', ['api', 'class', 'method']],
  ])('for %s is what counts there', async (_what, type, counted) => {
    const app = await limitedApp({ controllers: [Cats] }, { ...APPLIED, key: 'global' });
    await app.guard.canActivate(callOf(type, [{}, {}], FIND));
    expect(app.backend.calls.flat().map(({ policy }) => policy.name)).toEqual(counted);
  });

  it.each<[string, string | { rate: string; skipIf: () => boolean }]>([
    ['has no limit', 'unlimited'],
    ['is skipped', { rate: '9/m', skipIf: () => true }],
  ])('asks for no key where all that applies %s', async (_what, policy) => {
    @Controller()
    class Dogs {
      @RateLimit(policy)
      find(): void {
        nothing();
      }
    }
    const key = jest.fn((_context: ExecutionContext) => 'k');
    const app = await limitedApp({ controllers: [Dogs] }, { key });
    await app.call({ type: Dogs, method: 'find' });
    expect(key).not.toHaveBeenCalled();
  });
});

describe('a list of addresses', () => {
  const app = () =>
    limitedApp({ controllers: [Cats] }, { lists: { deny: ['ip:2001:db8:1:2:3::/80', 'ip:192.0.2.9'] } });

  it('holds for the whole address, by whatever network it is grouped', async () => {
    const { call } = await app();
    const kinds: unknown[] = [];
    for (const ip of ['2001:db8:1:2:3::1', '2001:db8:1:2:4::1', '192.0.2.9', '192.0.2.8']) {
      kinds.push((await call(FIND, { ip })).decision.kind);
    }
    expect(kinds).toEqual(['limited', 'allowed', 'limited', 'allowed']);
  });

  it('holds for a call that counts under another key', async () => {
    const options = { key: 'user-or-ip', lists: { deny: ['ip:192.0.2.9'] } } as const;
    const { call } = await limitedApp({ controllers: [Cats] }, options);
    const user = { id: 7 };
    expect((await call(FIND, { ip: '192.0.2.9', user })).passed).toBe(false);
    expect((await call(FIND, { ip: '192.0.2.8', user })).passed).toBe(true);
  });
});
