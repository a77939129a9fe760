import type { PolicyOptions } from 'nestjs-floodgate';
import { compilePolicy } from '../../../lib/policies/compiled-policy.js';
import { thrownBy } from './thrown.js';

const compile = (input: string | PolicyOptions) => compilePolicy('policies.login', input, (name) => name ?? 'place');

const always = (): boolean => true;

describe('a policy', () => {
  it('has defaults for all but its rate', () => {
    expect(compile('5/15m')).toEqual({
      policy: {
        id: 'place#sliding-window',
        name: '5/15m',
        algorithm: 'sliding-window',
        limit: 5,
        windowMs: 900_000,
        burst: 5,
        blockForMs: 0,
        mode: 'enforce',
      },
      key: undefined,
      cost: 1,
      chargeOn: undefined,
      failureMode: undefined,
      skipIf: undefined,
      scope: 'shared',
      message: undefined,
    });
  });

  it.each([
    ['calendar-day', 86_400_000],
    ['calendar-week', 604_800_000],
    ['calendar-month', 2_678_400_000],
  ])('with a window %s is a fixed window of the calendar', (window, windowMs) => {
    const utc = compile({ limit: 1000, window });
    expect(utc.policy).toMatchObject({ algorithm: 'fixed-window', name: `1000/${window}`, limit: 1000, windowMs });
    expect(utc.policy).toMatchObject({ calendar: window, timeZone: 'UTC', id: 'place#fixed-window' });
    const berlin = compile({ limit: 1000, window, algorithm: 'fixed-window', timeZone: 'Europe/Berlin' });
    expect(berlin.policy).toEqual({ ...utc.policy, timeZone: 'Europe/Berlin' });
  });

  it('takes every option', () => {
    const options = {
      name: 'login',
      limit: 5,
      window: '15m',
      algorithm: 'token-bucket',
      burst: 9,
      cost: 2,
      chargeOn: 'failure',
      key: ['ip', 'header:x'],
      failureMode: 'open',
      skipIf: always,
      blockFor: '1h',
      scope: 'route',
      mode: 'shadow',
      message: 'Slow down',
    } as const;
    expect(compile(options)).toEqual({
      policy: {
        id: 'login#token-bucket',
        name: 'login',
        algorithm: 'token-bucket',
        limit: 5,
        windowMs: 900_000,
        burst: 9,
        blockForMs: 3_600_000,
        mode: 'shadow',
      },
      key: ['ip', 'header:x'],
      cost: 2,
      chargeOn: 'failure',
      failureMode: 'open',
      skipIf: always,
      scope: 'route',
      message: 'Slow down',
    });
  });

  it.each<[string, object, string]>([
    ['', { rate: '5/m', limit: 5 }, 'Give either rate, or limit and window'],
    ['', { rate: '5/m', window: '1m' }, 'Give either rate, or limit and window'],
    ['', {}, 'both limit and window'],
    ['', { limit: 5 }, 'both limit and window'],
    ['', { window: '1m' }, 'both limit and window'],
    ['.rate', { rate: '5 per minute' }, 'Give whole units, a slash and a window'],
    ['.rate', { rate: 5 }, 'Give whole units, a slash and a window'],
    ['.chargeOn', { rate: '5/m', chargeOn: 'error' }, "Give 'success', 'failure', or a function"],
    ['.chargeOn', { rate: '5/m', chargeOn: 401 }, "Give 'success', 'failure', or a function"],
    ['.chargeOn', { limit: 5, algorithm: 'concurrency', chargeOn: 'success' }, 'leave chargeOn out'],
    ['.limit', { limit: -1, window: '1m' }, 'a whole number of at least 0'],
    ['.limit', { limit: 1.5, window: '1m' }, 'a whole number of at least 0'],
    ['.limit', { limit: '5', window: '1m' }, 'a whole number of at least 0'],
    ['.window', { limit: 5, window: 0 }, 'Give a whole number of milliseconds'],
    ['.window', { limit: 5, window: 'soon' }, 'Give a whole number of milliseconds'],
    ['.window', { limit: 5, window: 'calendar-year' }, "'calendar-day', 'calendar-week', 'calendar-month'"],
    ['.algorithm', { limit: 5, window: 'calendar-day', algorithm: 'sliding-window' }, "or give 'fixed-window'"],
    ['.timeZone', { limit: 5, window: 'calendar-day', timeZone: 'Mars/Olympus' }, "such as 'Europe/Berlin'"],
    ['.timeZone', { limit: 5, window: 'calendar-day', timeZone: 5 }, "such as 'Europe/Berlin'"],
    ['.timeZone', { limit: 5, window: '1d', timeZone: 'Europe/Berlin' }, 'Only a calendar window has a time zone'],
    ['.timeZone', { rate: '5/d', timeZone: 'Europe/Berlin' }, 'Only a calendar window has a time zone'],
    ['.limit', { limit: 0.5, window: 'calendar-day' }, 'a whole number of at least 0'],
    ['', { window: 'calendar-day' }, 'both limit and window'],
    ['.limit', { rate: '10001/h', algorithm: 'sliding-log' }, "at most 10000, or take 'sliding-window'"],
    ['', { rate: '4503599627370497/m' }, 'shorten the window'],
    ['', { rate: '1/366d', algorithm: 'token-bucket', burst: 1_000_000 }, 'give a burst of at most 142418, shorten'],
    ['', { rate: '10000001/30d', algorithm: 'token-bucket' }, 'give a rounder limit such as 10000000,'],
    [
      '',
      { rate: '34359738368/30d' },
      "too much for the arithmetic of 'sliding-window' to be exact: shorten the window,",
    ],
    [
      '.algorithm',
      { rate: '5/m', algorithm: 'leaky' },
      "'sliding-window', 'fixed-window', 'token-bucket', 'sliding-log', 'strict-window'",
    ],
    ['.burst', { rate: '5/m', burst: 9 }, "set algorithm: 'token-bucket'"],
    ['.burst', { rate: '5/m', algorithm: 'token-bucket', burst: 0 }, 'a whole number of at least 1'],
    ['.burst', { rate: '5/m', algorithm: 'token-bucket', burst: 1.5 }, 'a whole number of at least 1'],
    ['.cost', { rate: '5/m', cost: -1 }, 'a function that returns one'],
    ['.cost', { rate: '5/m', cost: Number.NaN }, 'a function that returns one'],
    ['.cost', { rate: '5/m', cost: '2' }, 'a function that returns one'],
    ['.key', { rate: '5/m', key: 'header:' }, "Give 'ip', 'user'"],
    ['.key', { rate: '5/m', key: 'cookie:x' }, "Give 'ip', 'user'"],
    ['.key', { rate: '5/m', key: '' }, "Give 'ip', 'user'"],
    ['.key', { rate: '5/m', key: 7 }, "Give 'ip', 'user'"],
    ['.key', { rate: '5/m', key: [] }, 'Give at least one key'],
    ['.key[1]', { rate: '5/m', key: ['ip', 'nobody'] }, "Give 'ip', 'user'"],
    ['.key[0][0]', { rate: '5/m', key: [['nobody']] }, "Give 'ip', 'user'"],
    ['.failureMode', { rate: '5/m', failureMode: 'ajar' }, "'closed', 'open', 'local'"],
    ['.skipIf', { rate: '5/m', skipIf: true }, 'Give a function'],
    ['.blockFor', { rate: '5/m', blockFor: 0 }, 'Give a whole number of milliseconds'],
    ['.scope', { rate: '5/m', scope: 'class' }, "'shared', 'route'"],
    ['.mode', { rate: '5/m', mode: 'dry-run' }, "'enforce', 'shadow'"],
    ['.message', { rate: '5/m', message: 7 }, 'Give a text'],
    ['.message', { rate: '5/m', message: '' }, 'Give a text'],
    ['.name', { rate: '5/m', name: '' }, '1 to 64 letters, digits'],
    ['.name', { rate: '5/m', name: 'a"b' }, '1 to 64 letters, digits'],
    ['.name', { rate: '5/m', name: 'a b' }, '1 to 64 letters, digits'],
    ['.name', { rate: '5/m', name: 'a/b' }, '1 to 64 letters, digits'],
    ['.name', { rate: '5/m', name: 'x'.repeat(65) }, '1 to 64 letters, digits'],
    ['.name', { rate: '5/m', name: 5 }, '1 to 64 letters, digits'],
    ['.name', { rate: '5/m', name: null }, '1 to 64 letters, digits'],
    ['.limits', { limits: 5 }, 'There is no such option'],
    ['', [], "Give a rate such as '100/m', options, or a policy's name."],
  ])('is refused at policies.login%s for %j', (path, input, mend) => {
    expect(thrownBy(() => compile(input))).toMatchObject({
      option: `policies.login${path}`,
      message: expect.stringContaining(mend),
    });
  });

  it.each([null, undefined, 5, true])('is refused for %p', (input) => {
    expect(thrownBy(() => compile(input as unknown as string))).toMatchObject({
      option: 'policies.login',
      received: input,
    });
  });

  it.each<PolicyOptions>([
    { rate: '9007199254740991/366d', algorithm: 'fixed-window' },
    { rate: '10000/366d', algorithm: 'sliding-log' },
    { rate: `${Number.MAX_SAFE_INTEGER}/366d`, algorithm: 'strict-window' },
    { rate: '10000000/30d' },
    { rate: '10000000/30d', algorithm: 'token-bucket' },
    { rate: '10000000/30d', algorithm: 'fixed-window' },
    { rate: '10000000/30d', algorithm: 'token-bucket', burst: 30_000_000 },
    { rate: '34359738367/366d' },
    { rate: '0/s' },
    { rate: '5/m', cost: 0 },
    { rate: '5/m', cost: 6 },
    { rate: '5/m', algorithm: 'token-bucket', burst: 1 },
    { rate: '5/m', name: 'A-z_0.9:*' },
  ])('may be %j', (options) => {
    expect(() => compile(options)).not.toThrow();
  });
});
