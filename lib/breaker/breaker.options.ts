import type { CircuitBreakerOptions, Clock, TripOptions } from '../contracts/breaker.js';
import { RateLimitConfigurationError } from '../contracts/errors.js';
import type { Duration } from '../contracts/policy.js';
import { MAX_TIMER_MS, parseDuration } from '../policies/duration.js';
import { monotonic, processClock } from './monotonic.clock.js';

/** A trip rule after validation. A slow call counts as a failure, so both window rules share one form. */
export type TripRule =
  | { readonly kind: 'consecutive' }
  | { readonly kind: 'rate'; readonly failureRate: number; readonly minimumCalls: number; readonly windowMs: number }
  | {
      readonly kind: 'slow';
      readonly slowCallMs: number;
      readonly failureRate: number;
      readonly minimumCalls: number;
      readonly windowMs: number;
    };

/** Options after validation: complete, in ms, frozen, and shared by breakers with the same options. */
export interface BreakerSettings {
  readonly failureThreshold: number;
  readonly recoveryTimeoutMs: number;
  readonly resetTimeoutMs: number;
  readonly halfOpenMaxCalls: number;
  readonly successThreshold: number;
  readonly backoffMultiplier: number;
  readonly backoffMaxMs: number;
  readonly jitter: number;
  /** 0: no deadline. */
  readonly callTimeoutMs: number;
  readonly isFailure: (error: unknown) => boolean;
  /** `undefined`: no result is a failure. */
  readonly isFailureResult: ((result: unknown) => boolean) | undefined;
  readonly clock: Clock;
  readonly random: () => number;
  readonly trip: TripRule;
}

/** The parts of a breaker beside its name. */
export type BreakerTuning = CircuitBreakerOptions & {
  /** A number from 0 to below 1, for the jitter. Default `Math.random`. */
  readonly random?: () => number;
};

const everyError = (): boolean => true;

export const DEFAULT_SETTINGS: BreakerSettings = Object.freeze({
  failureThreshold: 5,
  recoveryTimeoutMs: 60_000,
  resetTimeoutMs: 300_000,
  halfOpenMaxCalls: 1,
  successThreshold: 1,
  backoffMultiplier: 2,
  backoffMaxMs: 300_000,
  jitter: 0.25,
  callTimeoutMs: 0,
  isFailure: everyError,
  isFailureResult: undefined,
  clock: processClock,
  random: Math.random,
  trip: Object.freeze({ kind: 'consecutive' }),
});

const KNOWN = new Set([
  'failureThreshold',
  'recoveryTimeout',
  'resetTimeout',
  'halfOpenMaxCalls',
  'successThreshold',
  'backoffMultiplier',
  'backoffMax',
  'jitter',
  'callTimeout',
  'isFailure',
  'isFailureResult',
  'clock',
  'random',
  'trip',
]);

/**
 * Validates options and converts them to milliseconds; missing options come from `base`.
 *
 * @throws RateLimitConfigurationError for an option that is unknown or out of range
 */
export function toSettings(options: BreakerTuning, base: BreakerSettings = DEFAULT_SETTINGS): BreakerSettings {
  requireObject('circuitBreaker', options);
  for (const name of Object.keys(options)) {
    if (!KNOWN.has(name)) refuse(name, options[name as keyof BreakerTuning], `Use one of ${[...KNOWN].join(', ')}.`);
  }
  const recoveryTimeoutMs = duration('recoveryTimeout', options.recoveryTimeout) ?? base.recoveryTimeoutMs;
  const clock = callable('clock', options.clock);
  return shared({
    failureThreshold: whole('failureThreshold', options.failureThreshold) ?? base.failureThreshold,
    recoveryTimeoutMs,
    resetTimeoutMs: duration('resetTimeout', options.resetTimeout) ?? base.resetTimeoutMs,
    halfOpenMaxCalls: whole('halfOpenMaxCalls', options.halfOpenMaxCalls) ?? base.halfOpenMaxCalls,
    successThreshold: whole('successThreshold', options.successThreshold) ?? base.successThreshold,
    backoffMultiplier: within('backoffMultiplier', options.backoffMultiplier, 1, 1_000) ?? base.backoffMultiplier,
    backoffMaxMs: duration('backoffMax', options.backoffMax) ?? Math.max(base.backoffMaxMs, recoveryTimeoutMs),
    jitter: within('jitter', options.jitter, 0, 1) ?? base.jitter,
    callTimeoutMs: callTimeout(options.callTimeout) ?? base.callTimeoutMs,
    isFailure: callable('isFailure', options.isFailure) ?? base.isFailure,
    isFailureResult: callable('isFailureResult', options.isFailureResult) ?? base.isFailureResult,
    clock: clock === undefined ? base.clock : monotonic(clock),
    random: callable('random', options.random) ?? base.random,
    trip: tripRule(options.trip) ?? base.trip,
  });
}

/** Whether two breakers have the same options. */
export function sameSettings(one: BreakerSettings, other: BreakerSettings): boolean {
  if (one === other) return true;
  const { trip, ...rest } = one;
  return (
    JSON.stringify(trip) === JSON.stringify(other.trip) &&
    (Object.keys(rest) as (keyof typeof rest)[]).every((name) => one[name] === other[name])
  );
}

let latest = DEFAULT_SETTINGS;

/** Breakers with the same options share one object. */
function shared(settings: BreakerSettings): BreakerSettings {
  if (sameSettings(settings, DEFAULT_SETTINGS)) return DEFAULT_SETTINGS;
  if (!sameSettings(settings, latest)) latest = Object.freeze(settings);
  return latest;
}

function tripRule(trip: TripOptions | undefined): TripRule | undefined {
  if (trip === undefined) return undefined;
  requireObject('circuitBreaker.trip', trip);
  switch (trip.kind) {
    case 'consecutive':
      return DEFAULT_SETTINGS.trip;
    case 'rate':
      return Object.freeze({
        kind: 'rate',
        failureRate: share('trip.failureRate', trip.failureRate),
        minimumCalls: required('trip.minimumCalls', whole('trip.minimumCalls', trip.minimumCalls)),
        windowMs: required('trip.window', duration('trip.window', trip.window)),
      });
    case 'slow':
      return Object.freeze({
        kind: 'slow',
        slowCallMs: required('trip.slowCall', duration('trip.slowCall', trip.slowCall)),
        failureRate: share('trip.slowRate', trip.slowRate),
        minimumCalls: required('trip.minimumCalls', whole('trip.minimumCalls', trip.minimumCalls)),
        windowMs: required('trip.window', duration('trip.window', trip.window)),
      });
    default:
      return refuse('trip.kind', (trip as { kind?: unknown }).kind, "Use 'consecutive', 'rate' or 'slow'.");
  }
}

function callTimeout(value: Duration | undefined): number | undefined {
  const timeoutMs = duration('callTimeout', value);
  if (timeoutMs !== undefined && timeoutMs > MAX_TIMER_MS) {
    refuse('callTimeout', value, `Give at most ${MAX_TIMER_MS} ms (24 days).`);
  }
  return timeoutMs;
}

function duration(option: string, value: Duration | undefined): number | undefined {
  return value === undefined ? undefined : parseDuration(`circuitBreaker.${option}`, value);
}

function whole(option: string, value: number | undefined): number | undefined {
  if (value !== undefined && !(Number.isSafeInteger(value) && value >= 1)) {
    refuse(option, value, 'Give a whole number of at least 1.');
  }
  return value;
}

function within(option: string, value: number | undefined, least: number, most: number): number | undefined {
  if (value !== undefined && !(typeof value === 'number' && value >= least && value <= most)) {
    refuse(option, value, `Give a number from ${least} to ${most}.`);
  }
  return value;
}

function share(option: string, value: number | undefined): number {
  const given = required(option, within(option, value, 0, 1));
  return given > 0 ? given : refuse(option, value, 'Give a share above 0, such as 0.5.');
}

function callable<F>(option: string, value: F | undefined): F | undefined {
  if (value !== undefined && typeof value !== 'function') refuse(option, value, 'Give a function.');
  return value;
}

function required<T>(option: string, value: T | undefined): T {
  return value ?? refuse(option, value, 'This trip rule needs it.');
}

function requireObject(option: string, value: unknown): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new RateLimitConfigurationError(option, value, 'Give an object with options, or leave it out.');
  }
}

function refuse(option: string, value: unknown, mend: string): never {
  throw new RateLimitConfigurationError(`circuitBreaker.${option}`, value, mend);
}
