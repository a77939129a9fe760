import { Controller, type ExecutionContext } from '@nestjs/common';
import { type PolicyInput, RateLimit, SkipRateLimit } from 'nestjs-floodgate';
import type { Target } from './calls.js';
import { limitedApp, names } from './limited-app.js';

const to = (type: Target['type'], method: string): Target => ({ type, method });

@Controller()
class Shop {
  books(): string {
    return 'books';
  }

  @RateLimit('plan')
  search(): string {
    return 'search';
  }

  @SkipRateLimit('plan')
  terms(): string {
    return 'terms';
  }

  @RateLimit({ name: 'plan', rate: '1/m' })
  exports(): string {
    return 'exports';
  }
}

describe('a policy of the module that is found for each call', () => {
  let asked = 0;
  const plan = (context: ExecutionContext): PolicyInput => {
    asked += 1;
    const { tenant } = context.switchToHttp().getRequest<{ tenant?: string }>();
    return tenant === 'acme' ? '100/m' : '2/m';
  };
  const app = () => limitedApp({ controllers: [Shop] }, { policies: { plan }, apply: ['plan'] });

  beforeEach(() => {
    asked = 0;
  });

  it('bears its name, and is asked once a call even where it is written twice', async () => {
    const shop = await app();
    expect(names(await shop.call(to(Shop, 'search')))).toEqual(['plan']);
    expect(asked).toBe(1);
  });

  it('counts once for all routes, and at once by what it answers now', async () => {
    const shop = await app();
    await shop.call(to(Shop, 'books'));
    await shop.call(to(Shop, 'search'));
    expect((await shop.call(to(Shop, 'books'))).passed).toBe(false);
    const upgraded = await shop.call(to(Shop, 'books'), { tenant: 'acme' });
    expect(upgraded.decision.policies).toMatchObject([{ limit: 100, remaining: 97 }]);
  });

  it('is skipped and replaced by its name, and then not asked', async () => {
    const shop = await app();
    expect(names(await shop.call(to(Shop, 'terms')))).toEqual([]);
    expect(names(await shop.call(to(Shop, 'exports')))).toEqual(['plan']);
    expect(await shop.calls(1, to(Shop, 'exports'))).toEqual([false]);
    expect(asked).toBe(0);
  });

  it('may answer several, which have names of their own', async () => {
    const several = (): PolicyInput[] => ['5/m', { name: 'daily', rate: '50/d' }];
    const shop = await limitedApp({ controllers: [Shop] }, { policies: { plan: several }, apply: ['plan'] });
    expect(names(await shop.call(to(Shop, 'books')))).toEqual(['5/m', 'daily']);
  });
});
