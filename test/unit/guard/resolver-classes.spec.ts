import { Controller, type ExecutionContext } from '@nestjs/common';
import { type KeyResolver, RateLimit, SkipRateLimit } from 'nestjs-floodgate';
import { limitedApp, names } from './limited-app.js';

class ByProperty implements KeyResolver {
  readonly resolve = (_context: ExecutionContext): string => 'key-of-a-property';
}

@Controller()
class Shop {
  @RateLimit({ rate: '5/m', key: ByProperty })
  books(): string {
    return 'books';
  }

  @SkipRateLimit('gold')
  @RateLimit(() => [{ name: 'gold', rate: '1/m' }, '5/m'])
  offers(): string {
    return 'offers';
  }

  @RateLimit({ rate: '5/m', skipIf: () => 'yes' as unknown as boolean })
  terms(): string {
    return 'terms';
  }
}

it('makes a resolver of a class whose resolve is a property', async () => {
  const app = await limitedApp({ controllers: [Shop] });
  expect(await app.charges({ type: Shop, method: 'books' })).toEqual([expect.stringContaining('key-of-a-property')]);
});

it('skips by name what a dynamic policy answers', async () => {
  const app = await limitedApp({ controllers: [Shop] });
  expect(names(await app.call({ type: Shop, method: 'offers' }))).toEqual(['5/m']);
});

it('takes whatever is truthy for a call to be left out', async () => {
  const app = await limitedApp({ controllers: [Shop] });
  expect(names(await app.call({ type: Shop, method: 'terms' }))).toEqual([]);
});
