import { MAX_TIMER_MS, parseDuration } from '../../../lib/policies/duration.js';
import { thrownBy } from './thrown.js';

describe('a duration', () => {
  it.each<[number | string, number]>([
    [1, 1],
    [60_000, 60_000],
    ['250ms', 250],
    ['1s', 1_000],
    ['60s', 60_000],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['1d', 86_400_000],
    ['366d', 31_622_400_000],
    ['1.5s', 1_500],
    ['1.1s', 1_100],
    ['1.005s', 1_005],
    ['0.25m', 15_000],
    ['  2 s ', 2_000],
  ])('reads %p as %p ms', (value, ms) => {
    expect(parseDuration('window', value)).toBe(ms);
  });

  it.each<unknown>([
    0,
    -1,
    0.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '',
    '5',
    's',
    '-5s',
    '1.5ms',
    '5 minutes',
    '5M',
    '1e3s',
    '367d',
    31_622_400_001,
    null,
    undefined,
    {},
    [5],
    true,
  ])('refuses %p by the name of the option', (value) => {
    expect(thrownBy(() => parseDuration('policies.login.window', value as number))).toMatchObject({
      code: 'RATE_LIMIT_CONFIGURATION',
      option: 'policies.login.window',
      received: value,
      message: expect.stringContaining("such as '250ms', '60s', '5m', '1h', '1d'"),
    });
  });

  it('is no longer than a timer can wait, where one waits for it', () => {
    expect(parseDuration('timeout', MAX_TIMER_MS, MAX_TIMER_MS)).toBe(2_147_483_647);
    expect(() => parseDuration('timeout', '25d', MAX_TIMER_MS)).toThrow('from 1 to 2147483647 (24 days)');
  });
});
