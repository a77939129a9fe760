import { RateLimitConfigurationError } from '../contracts/errors.js';
import { inMilliseconds, MAX_DURATION_MS } from './duration.js';

/** Units for each window. */
export interface Rate {
  /** `Infinity`: no limit. */
  readonly limit: number;
  readonly windowMs: number;
}

/** The rate of something without a limit. */
export const UNLIMITED = 'unlimited';

/** No limit. */
export const NO_LIMIT: Rate = { limit: Number.POSITIVE_INFINITY, windowMs: 0 };

const RATE = /^\s*(\d+)\s*\/\s*(\d+(?:\.\d+)?)?\s*(ms|s|m|h|d)\s*$/;

/** Whether a string is a rate (`'100/m'`) and not a policy's name: names contain no slash. */
export const looksLikeRate = (text: string): boolean => text.includes('/');

/**
 * Reads a rate such as `'100/m'`, `'5/15m'` or `'10/250ms'`: units, a slash, and a window; or `'unlimited'`.
 *
 * @param option path of the option, for the error
 * @throws RateLimitConfigurationError for anything else
 */
export function parseRate(option: string, text: string): Rate {
  if (text === UNLIMITED) return NO_LIMIT;
  const [, units = '', amount = '1', unit = ''] = RATE.exec(text) ?? [];
  const rate = { limit: Number(units), windowMs: inMilliseconds(`${amount}${unit}`) };
  const { limit, windowMs } = rate;
  const valid =
    Number.isSafeInteger(limit) && Number.isInteger(windowMs) && windowMs >= 1 && windowMs <= MAX_DURATION_MS;
  if (units !== '' && valid) return rate;
  throw new RateLimitConfigurationError(
    option,
    text,
    "Give whole units, a slash and a window of ms, s, m, h or d: '100/m', '5/15m', '10/250ms'.",
  );
}

const NAMED_UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

/** Writes a rate in its shortest form: 100 per 60,000 ms is `100/m`. */
export function formatRate({ limit, windowMs }: Rate): string {
  if (limit === Number.POSITIVE_INFINITY) return UNLIMITED;
  const [unit, length] = NAMED_UNITS.find(([, ms]) => windowMs % ms === 0) ?? (['ms', 1] as const);
  const amount = windowMs / length;
  return `${limit}/${amount === 1 ? '' : amount}${unit}`;
}
