import { formatRate, looksLikeRate, parseRate } from '../../../lib/policies/rate.js';
import { thrownBy } from './thrown.js';

describe('a rate', () => {
  it.each([
    ['100/m', 100, 60_000, '100/m'],
    ['5/15m', 5, 900_000, '5/15m'],
    ['10/250ms', 10, 250, '10/250ms'],
    ['1/s', 1, 1_000, '1/s'],
    ['7/1s', 7, 1_000, '7/s'],
    ['0/h', 0, 3_600_000, '0/h'],
    ['1000/d', 1_000, 86_400_000, '1000/d'],
    ['100/60s', 100, 60_000, '100/m'],
    ['100/1.5s', 100, 1_500, '100/1500ms'],
    [' 3 / 2 h ', 3, 7_200_000, '3/2h'],
    ['9007199254740991/d', Number.MAX_SAFE_INTEGER, 86_400_000, '9007199254740991/d'],
  ])('reads %p as %p per %p ms, and is named %p', (text, limit, windowMs, name) => {
    const rate = parseRate('rate', text);
    expect(rate).toEqual({ limit, windowMs });
    expect(formatRate(rate)).toBe(name);
  });

  it.each<unknown>([
    '',
    '/',
    '100',
    '100/',
    '/m',
    '-1/m',
    '1.5/m',
    '100/0m',
    '100/0.5ms',
    '100/M',
    '100/minute',
    '100/w',
    '100/m/s',
    'x/m',
    '9007199254740992/d',
    '1/367d',
    5,
    null,
    {},
  ])('refuses %p, and tells how to write one', (value) => {
    expect(thrownBy(() => parseRate('@RateLimit() of Cats.find', value as string))).toMatchObject({
      option: '@RateLimit() of Cats.find',
      received: value,
      message: expect.stringMatching(/Give whole units, a slash and a window .*'100\/m', '5\/15m', '10\/250ms'/),
    });
  });

  it('is told from a name by its slash', () => {
    expect(['100/m', 'x/y', 'login', '100'].map(looksLikeRate)).toEqual([true, true, false, false]);
  });
});
