import { Breaker } from '../../../lib/breaker/breaker.js';
import { type BreakerTuning, DEFAULT_SETTINGS, toSettings } from '../../../lib/breaker/breaker.options.js';
import { RateLimitConfigurationError } from '../../../lib/contracts/errors.js';

describe('the options of a breaker', () => {
  it('have a default each', () => {
    expect(toSettings({})).toBe(DEFAULT_SETTINGS);
    expect(DEFAULT_SETTINGS).toMatchObject({
      failureThreshold: 5,
      recoveryTimeoutMs: 60_000,
      resetTimeoutMs: 300_000,
      halfOpenMaxCalls: 1,
      successThreshold: 1,
      backoffMultiplier: 2,
      backoffMaxMs: 300_000,
      jitter: 0.25,
      callTimeoutMs: 0,
      trip: { kind: 'consecutive' },
    });
    expect(DEFAULT_SETTINGS.isFailure(new Error('any'))).toBe(true);
  });

  it('are put into milliseconds', () => {
    expect(toSettings({ recoveryTimeout: '2s', resetTimeout: '1m', backoffMax: '1h', callTimeout: 250 })).toMatchObject(
      {
        recoveryTimeoutMs: 2_000,
        resetTimeoutMs: 60_000,
        backoffMaxMs: 3_600_000,
        callTimeoutMs: 250,
      },
    );
    expect(
      toSettings({ trip: { kind: 'slow', slowCall: '1s', slowRate: 0.5, minimumCalls: 3, window: '10s' } }).trip,
    ).toEqual({
      kind: 'slow',
      slowCallMs: 1_000,
      failureRate: 0.5,
      minimumCalls: 3,
      windowMs: 10_000,
    });
  });

  it('given as undefined are not given', () => {
    const unset = { failureThreshold: undefined, callTimeout: undefined, trip: undefined } as unknown as BreakerTuning;
    expect(toSettings(unset)).toBe(DEFAULT_SETTINGS);
  });

  it('let backoffMax follow a longer recoveryTimeout, unless it is given', () => {
    expect(toSettings({ recoveryTimeout: '10m' }).backoffMaxMs).toBe(600_000);
    expect(toSettings({ recoveryTimeout: '10m', backoffMax: '5m' }).backoffMaxMs).toBe(300_000);
  });

  it('that are equal are one frozen object', () => {
    const isFailure = (): boolean => true;
    const one = toSettings({ failureThreshold: 2, isFailure });
    expect(toSettings({ failureThreshold: 2, isFailure })).toBe(one);
    expect(Object.isFrozen(one)).toBe(true);
    expect(toSettings({ failureThreshold: 2, isFailure: () => true })).not.toBe(one);
    expect(
      toSettings({ failureThreshold: 2, trip: { kind: 'rate', failureRate: 1, minimumCalls: 1, window: 1 } }),
    ).not.toBe(one);
  });

  const window = { minimumCalls: 1, window: '1s' };
  it.each([
    ['failureThreshold', 0],
    ['failureThreshold', 1.5],
    ['failureThreshold', '5'],
    ['halfOpenMaxCalls', 0],
    ['successThreshold', -1],
    ['backoffMultiplier', 0.5],
    ['backoffMultiplier', Number.NaN],
    ['jitter', 1.1],
    ['jitter', -0.1],
    ['recoveryTimeout', 'soon'],
    ['recoveryTimeout', 0],
    ['resetTimeout', -1],
    ['backoffMax', null],
    ['callTimeout', 0],
    ['callTimeout', '25d'],
    ['isFailure', 'always'],
    ['clock', 5],
    ['random', 0.5],
    ['failureTreshold', 5],
    ['trip', 'rate'],
    ['trip.kind', { kind: 'count' }],
    ['trip.failureRate', { kind: 'rate', ...window, failureRate: 0 }],
    ['trip.failureRate', { kind: 'rate', ...window, failureRate: 50 }],
    ['trip.failureRate', { kind: 'rate', ...window }],
    ['trip.minimumCalls', { kind: 'rate', failureRate: 0.5, window: '1s' }],
    ['trip.window', { kind: 'rate', failureRate: 0.5, minimumCalls: 1 }],
    ['trip.slowCall', { kind: 'slow', slowRate: 0.5, ...window }],
    ['trip.slowRate', { kind: 'slow', slowCall: 5, ...window }],
  ])('names %s as wrong with %j', (option, value) => {
    const [name = ''] = option.split('.');
    const wrong = { [name]: value } as unknown as BreakerTuning;
    expect(() => new Breaker(wrong)).toThrow(RateLimitConfigurationError);
    expect(() => new Breaker(wrong)).toThrow(`circuitBreaker.${option}: received `);
  });

  it.each([null, [], 5, 'name'])('cannot be %j', (options) => {
    expect(() => toSettings(options as unknown as BreakerTuning)).toThrow(/circuitBreaker: received/);
  });

  it('cannot give a breaker another clock later', () => {
    const clock = (): number => 0;
    const breaker = new Breaker({ clock });
    expect(() => breaker.configure({ clock })).not.toThrow();
    expect(() => breaker.configure({ clock: () => 1 })).toThrow(/circuitBreaker.clock/);
  });

  it('that are wrong change nothing when configured', () => {
    const breaker = new Breaker({ failureThreshold: 2 });
    expect(() => breaker.configure({ failureThreshold: 9, jitter: 7 })).toThrow(RateLimitConfigurationError);
    expect(breaker.status().failureThreshold).toBe(2);
  });
});
