import { RateLimitConfigurationError } from '../contracts/errors.js';
import type { Duration } from '../contracts/policy.js';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

const DURATION = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/;

const DAY_MS = 86_400_000;

/** Maximum duration of any option: 366 days, so that products with limits stay exact. */
export const MAX_DURATION_MS = 366 * DAY_MS;

/** Maximum delay of a timer, about 24 days: a longer timer fires immediately. */
export const MAX_TIMER_MS = 2_147_483_647;

/**
 * Reads a duration option as whole milliseconds.
 *
 * @param option path of the option, for the error
 * @param maximumMs maximum duration; default 366 days
 * @throws RateLimitConfigurationError for anything except a whole number of ms from 1 to `maximumMs`
 */
export function parseDuration(option: string, value: Duration, maximumMs = MAX_DURATION_MS): number {
  const milliseconds = typeof value === 'string' ? inMilliseconds(value) : value;
  if (Number.isInteger(milliseconds) && milliseconds >= 1 && milliseconds <= maximumMs) {
    return milliseconds;
  }
  throw new RateLimitConfigurationError(
    option,
    value,
    `Give a whole number of milliseconds from 1 to ${maximumMs} (${Math.floor(maximumMs / DAY_MS)} days), or a string such as '250ms', '60s', '5m', '1h', '1d'.`,
  );
}

/** Milliseconds of a duration string; `NaN` if it is invalid. */
export function inMilliseconds(text: string): number {
  const match = DURATION.exec(text.trim());
  if (match === null) return Number.NaN;
  const [, amount, unit] = match as unknown as [string, string, string];
  // In floating point, 1.005 s is 1004.9999999999999 ms. Round such results.
  const product = Number(amount) * (UNITS[unit] as number);
  const whole = Math.round(product);
  return Math.abs(product - whole) < 1e-6 ? whole : product;
}
