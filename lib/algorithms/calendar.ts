import type { CalendarWindow } from '../contracts/policy.js';

/** A stretch of time: from `startMs` on, up to but not including `endMs`; ms since the epoch. */
export interface Span {
  readonly startMs: number;
  readonly endMs: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Clocks of the world are at most 14 h ahead of UTC and 12 h behind: with room to spare. */
const FARTHEST_MS = 26 * HOUR_MS;

/** Clocks of the world differ from UTC by whole quarters of an hour. */
const QUARTER_MS = HOUR_MS / 4;

/** Spans remembered for each time zone and kind of window. */
const REMEMBERED = 8;

/**
 * The calendar window that a time lies in, by the clocks of a time zone. A window begins at the first moment of its
 * first day, so a day is 23 or 25 hours long where clocks change; weeks begin on Monday.
 *
 * @param timeZone IANA name, known to be valid
 */
export function calendarSpan(window: CalendarWindow, timeZone: string, atMs: number): Span {
  const spans = remembered(window, timeZone);
  for (const span of spans) if (span.startMs <= atMs && atMs < span.endMs) return span;
  const span = spanAt(window, timeZone, atMs);
  if (spans.length >= REMEMBERED) spans.shift();
  spans.push(span);
  return span;
}

/** Whether the platform knows a time zone by its IANA name. */
export function isTimeZone(name: unknown): name is string {
  if (typeof name !== 'string' || !/[A-Za-z]/.test(name)) return false;
  try {
    datesOf(name);
    return true;
  } catch {
    return false;
  }
}

const spansByZone = new Map<string, Map<CalendarWindow, Span[]>>();

function remembered(window: CalendarWindow, timeZone: string): Span[] {
  let byWindow = spansByZone.get(timeZone);
  if (byWindow === undefined) spansByZone.set(timeZone, (byWindow = new Map<CalendarWindow, Span[]>()));
  let spans = byWindow.get(window);
  if (spans === undefined) byWindow.set(window, (spans = []));
  return spans;
}

function spanAt(window: CalendarWindow, timeZone: string, atMs: number): Span {
  const date = localDate(timeZone, atMs);
  const [first, next] = firstDates(window, date);
  return { startMs: startOf(timeZone, first), endMs: startOf(timeZone, next) };
}

/** First dates of the window that a date lies in, and of the one after it. Dates are their midnights in UTC. */
function firstDates(window: CalendarWindow, date: number): readonly [first: number, next: number] {
  const day = new Date(date);
  switch (window) {
    case 'calendar-day':
      return [date, date + DAY_MS];
    case 'calendar-week': {
      const monday = date - ((day.getUTCDay() + 6) % 7) * DAY_MS;
      return [monday, monday + 7 * DAY_MS];
    }
    case 'calendar-month':
      return [0, 1].map((later) => Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + later)) as [number, number];
    default:
      return window satisfies never;
  }
}

/**
 * The first moment at which the clocks of a time zone show a date or a later one: midnight, or what comes instead where
 * clocks are put forward over it. Found by halving, in quarters of an hour: no rule of any zone has to be known for that.
 */
function startOf(timeZone: string, date: number): number {
  let before = -FARTHEST_MS / QUARTER_MS;
  let since = FARTHEST_MS / QUARTER_MS;
  while (since - before > 1) {
    const middle = Math.floor((before + since) / 2);
    if (localDate(timeZone, date + middle * QUARTER_MS) < date) before = middle;
    else since = middle;
  }
  return date + since * QUARTER_MS;
}

/** The date in a time zone, as its midnight in UTC. */
function localDate(timeZone: string, atMs: number): number {
  const shown: Record<string, number> = {};
  for (const { type, value } of datesOf(timeZone).formatToParts(atMs)) shown[type] = Number(value);
  const { year = NaN, month = NaN, day = NaN } = shown;
  return Date.UTC(year, month - 1, day);
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** @throws RangeError for a time zone that does not exist */
function datesOf(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone);
  if (format === undefined) {
    const parts = { year: 'numeric', month: 'numeric', day: 'numeric' } as const;
    format = new Intl.DateTimeFormat('en-u-ca-gregory-nu-latn', { timeZone, ...parts });
    formats.set(timeZone, format);
  }
  return format;
}
