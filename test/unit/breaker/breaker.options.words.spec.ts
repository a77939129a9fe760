import { Breaker } from '../../../lib/breaker/breaker.js';
import {
  type BreakerTuning,
  DEFAULT_SETTINGS,
  sameSettings,
  toSettings,
} from '../../../lib/breaker/breaker.options.js';
import { RateLimitConfigurationError } from '../../../lib/contracts/errors.js';
import { thrownBy } from '../policies/thrown.js';

/** What is said of options, word by word. */
function said(options: unknown): string {
  try {
    toSettings(options as BreakerTuning);
  } catch (error) {
    expect(error).toBeInstanceOf(RateLimitConfigurationError);
    return (error as Error).message;
  }
  return 'nothing';
}

describe('a wrong option of a breaker is told with its name, what was received, and what to write', () => {
  const window = { minimumCalls: 1, window: '1s' };
  it.each([
    ['failureThreshold', 0, 'received 0. Give a whole number of at least 1.'],
    ['halfOpenMaxCalls', 1.5, 'received 1.5. Give a whole number of at least 1.'],
    ['successThreshold', '5', "received '5'. Give a whole number of at least 1."],
    ['backoffMultiplier', 0.99, 'received 0.99. Give a number from 1 to 1000.'],
    ['backoffMultiplier', 1_001, 'received 1001. Give a number from 1 to 1000.'],
    ['jitter', 1.01, 'received 1.01. Give a number from 0 to 1.'],
    ['jitter', -0.01, 'received -0.01. Give a number from 0 to 1.'],
    ['jitter', '1', "received '1'. Give a number from 0 to 1."],
    ['callTimeout', 2 ** 31, `received ${2 ** 31}. Give at most 2147483647 ms (24 days).`],
    ['trip.kind', { kind: 'count' }, "received 'count'. Use 'consecutive', 'rate' or 'slow'."],
    ['trip.failureRate', { kind: 'rate', ...window, failureRate: 0 }, 'received 0. Give a share above 0, such as 0.5.'],
    ['trip.failureRate', { kind: 'rate', ...window, failureRate: 50 }, 'received 50. Give a number from 0 to 1.'],
    ['trip.failureRate', { kind: 'rate', ...window }, 'received undefined. This trip rule needs it.'],
    ['trip.minimumCalls', { kind: 'rate', failureRate: 1, window: 1 }, 'received undefined. This trip rule needs it.'],
    [
      'trip.minimumCalls',
      { kind: 'rate', failureRate: 1, minimumCalls: 0 },
      'received 0. Give a whole number of at least 1.',
    ],
    ['trip.window', { kind: 'rate', failureRate: 1, minimumCalls: 1 }, 'received undefined. This trip rule needs it.'],
    ['trip.slowCall', { kind: 'slow', slowRate: 0.5, ...window }, 'received undefined. This trip rule needs it.'],
    ['trip.slowRate', { kind: 'slow', slowCall: 5, ...window }, 'received undefined. This trip rule needs it.'],
    ['trip.slowRate', { kind: 'slow', slowCall: 5, slowRate: 2, ...window }, 'received 2. Give a number from 0 to 1.'],
    [
      'trip.minimumCalls',
      { kind: 'slow', slowCall: 5, slowRate: 1, window: 1 },
      'received undefined. This trip rule needs it.',
    ],
    [
      'trip.window',
      { kind: 'slow', slowCall: 5, slowRate: 1, minimumCalls: 1 },
      'received undefined. This trip rule needs it.',
    ],
    [
      'trip.minimumCalls',
      { kind: 'slow', slowCall: 5, slowRate: 1, minimumCalls: 0 },
      'received 0. Give a whole number of at least 1.',
    ],
    ['trip', 'rate', "received 'rate'. Give an object with options, or leave it out."],
    ['trip', null, 'received null. Give an object with options, or leave it out.'],
  ])('%s: %j', (option, value, words) => {
    const [name = ''] = option.split('.');
    expect(said({ [name]: value })).toBe(`circuitBreaker.${option}: ${words}`);
  });

  it.each(['isFailure', 'isFailureResult', 'clock', 'random'])('%s is no function', (option) => {
    expect(said({ [option]: 5 })).toBe(`circuitBreaker.${option}: received 5. Give a function.`);
    expect(said({ [option]: () => 1 })).toBe('nothing');
  });

  it.each(['recoveryTimeout', 'resetTimeout', 'backoffMax', 'callTimeout'])('%s is no duration', (option) => {
    expect(said({ [option]: 'soon' })).toMatch(`circuitBreaker.${option}: received 'soon'. `);
  });

  it.each([
    ['slowCall', { kind: 'slow', slowCall: 'soon', slowRate: 0.5, ...window }],
    ['window', { kind: 'slow', slowCall: 5, slowRate: 0.5, minimumCalls: 1, window: 'soon' }],
    ['window', { kind: 'rate', failureRate: 0.5, minimumCalls: 1, window: 'soon' }],
  ])('trip.%s is no duration: %j', (option, trip) => {
    expect(said({ trip })).toMatch(`circuitBreaker.trip.${option}: received 'soon'. `);
  });

  it('an unknown one is told with all that are known', () => {
    expect(said({ failureTreshold: 5 })).toBe(
      'circuitBreaker.failureTreshold: received 5. Use one of failureThreshold, recoveryTimeout, resetTimeout, ' +
        'halfOpenMaxCalls, successThreshold, backoffMultiplier, backoffMax, jitter, callTimeout, isFailure, ' +
        'isFailureResult, clock, random, trip.',
    );
  });

  it.each([
    [null, 'null'],
    [5, '5'],
    ['name', "'name'"],
    [() => 1, ''],
  ])('and so are options that are no object: %p', (options, received) => {
    expect(said(options)).toMatch(`circuitBreaker: received ${received}`);
    expect(said(options)).toMatch(/\. Give an object with options, or leave it out\.$/);
  });
});

describe('another clock', () => {
  it('is for a new breaker', () => {
    const clock = (): number => 1;
    expect(thrownBy(() => new Breaker().configure({ clock }))).toMatchObject({
      option: 'circuitBreaker.clock',
      received: clock,
      mend: 'Give the clock to a new breaker.',
    });
  });
});

it('a breaker without a name is called so', () => {
  expect([new Breaker().name, new Breaker({ name: 'pay' }).name]).toEqual(['breaker', 'pay']);
});

describe('an option of a breaker at the end of its range', () => {
  it.each([
    { failureThreshold: 1 },
    { failureThreshold: Number.MAX_SAFE_INTEGER },
    { backoffMultiplier: 1 },
    { backoffMultiplier: 1_000 },
    { jitter: 0 },
    { jitter: 1 },
  ])('is taken as it is: %j', (options) => {
    expect(toSettings(options)).toMatchObject(options);
  });

  it.each([
    [{ callTimeout: 2 ** 31 - 1 }, { callTimeoutMs: 2 ** 31 - 1 }],
    [
      { trip: { kind: 'rate', failureRate: 1, minimumCalls: 1, window: 1 } },
      { trip: { kind: 'rate', failureRate: 1, minimumCalls: 1, windowMs: 1 } },
    ],
  ] as const)('is taken as it is: %j', (options, settings) => {
    expect(toSettings(options)).toMatchObject(settings);
  });
});

describe('settings', () => {
  const rate = { kind: 'rate', failureRate: 0.5, minimumCalls: 4, window: '10s' } as const;
  const random = (): number => 0.5;

  it('take what is not given from those before', () => {
    const isFailureResult = (): boolean => false;
    const before = toSettings({
      failureThreshold: 2,
      recoveryTimeout: 3,
      resetTimeout: 4,
      halfOpenMaxCalls: 5,
      successThreshold: 6,
      backoffMultiplier: 7,
      backoffMax: 8,
      jitter: 0.9,
      callTimeout: 10,
      isFailure: () => false,
      isFailureResult,
      clock: () => 11,
      random,
      trip: rate,
    });
    expect(toSettings({}, before)).toEqual(before);
    expect(toSettings({ failureThreshold: 9 }, before)).toEqual({ ...before, failureThreshold: 9 });
    expect(toSettings({ trip: { kind: 'consecutive' } }, before)).toEqual({ ...before, trip: { kind: 'consecutive' } });
  });

  it('are frozen, and so is each rule', () => {
    const slow = { kind: 'slow', slowCall: 1, slowRate: 0.5, minimumCalls: 4, window: '10s' } as const;
    for (const settings of [DEFAULT_SETTINGS, toSettings({ trip: rate }), toSettings({ trip: slow })]) {
      expect([Object.isFrozen(settings), Object.isFrozen(settings.trip)]).toEqual([true, true]);
    }
  });

  it('have 5 minutes for the longest open period, or the recovery timeout if that is longer', () => {
    expect(toSettings({ recoveryTimeout: 299_999 }).backoffMaxMs).toBe(300_000);
    expect(toSettings({ recoveryTimeout: 300_001 }).backoffMaxMs).toBe(300_001);
  });

  it('are the same if each of them is, the numbers of a rule too', () => {
    const one = toSettings({ trip: rate, random });
    expect(sameSettings(one, { ...one, trip: { ...one.trip } })).toBe(true);
    expect(sameSettings(one, toSettings({ trip: { ...rate, minimumCalls: 5 }, random }))).toBe(false);
    expect(sameSettings(one, toSettings({ trip: rate }))).toBe(false);
    expect(sameSettings(one, { ...one, jitter: 0.3 })).toBe(false);
  });
});
