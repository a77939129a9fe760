import { isTimeZone } from '../algorithms/calendar.js';
import { RateLimitConfigurationError } from '../contracts/errors.js';
import type { CalendarWindow, Duration, Policy, PolicyOptions } from '../contracts/policy.js';
import { parseDuration } from './duration.js';
import { oneOf } from './option-checks.js';

const DAY_MS = 86_400_000;

/** The usual length of a calendar window; 31 days for a month. */
const USUAL_MS: Readonly<Record<CalendarWindow, number>> = {
  'calendar-day': DAY_MS,
  'calendar-week': 7 * DAY_MS,
  'calendar-month': 31 * DAY_MS,
};

/** The calendar options of a policy; empty without a calendar window. */
export type CalendarPart = Pick<Policy, 'calendar' | 'timeZone'>;

/**
 * Reads the calendar window of a policy, if it has one.
 *
 * @throws RateLimitConfigurationError for an unknown window or time zone, a time zone of another window, and an
 * algorithm that has no calendar windows
 */
export function calendarOf(option: string, { window, timeZone, algorithm }: PolicyOptions): CalendarPart {
  if (!isCalendar(window)) {
    if (timeZone === undefined) return {};
    throw new RateLimitConfigurationError(
      `${option}.timeZone`,
      timeZone,
      "Only a calendar window has a time zone: set window: 'calendar-day', 'calendar-week' or 'calendar-month', or leave it out.",
    );
  }
  oneOf(`${option}.window`, window, Object.keys(USUAL_MS));
  if (algorithm !== undefined && algorithm !== 'fixed-window') {
    throw new RateLimitConfigurationError(
      `${option}.algorithm`,
      algorithm,
      "A calendar window is a fixed window: leave algorithm out, or give 'fixed-window'.",
    );
  }
  if (timeZone !== undefined && !isTimeZone(timeZone)) {
    throw new RateLimitConfigurationError(
      `${option}.timeZone`,
      timeZone,
      "Give the IANA name of a time zone, such as 'Europe/Berlin', 'America/New_York' or 'UTC'.",
    );
  }
  return { calendar: window, timeZone: timeZone ?? 'UTC' };
}

/** Length of a window, ms; the usual length for a calendar window. */
export function windowLengthMs(option: string, window: Duration): number {
  return isCalendar(window) ? USUAL_MS[window] : parseDuration(option, window);
}

const isCalendar = (window: unknown): window is CalendarWindow =>
  typeof window === 'string' && window.startsWith('calendar');
