import { DateTime, IANAZone, type DateTimeUnit } from 'luxon';
import { calendarSpan, isTimeZone } from '../../../lib/algorithms/calendar.js';
import type { CalendarWindow } from '../../../lib/contracts/policy.js';

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2020, 0, 1);

/** Summer time on both halves of the globe, over midnight too; half hours; and none. */
const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'Australia/Lord_Howe',
  'Asia/Kathmandu',
  'America/Santiago',
  'Atlantic/Azores',
  'Pacific/Kiritimati',
];

const UNITS: readonly (readonly [years: number, CalendarWindow, DateTimeUnit])[] = [
  [10, 'calendar-month', 'month'],
  [10, 'calendar-week', 'week'],
  [2, 'calendar-day', 'day'],
];

/**
 * The first moment of a unit by luxon. Where clocks are put back over midnight, that hour comes twice, and luxon may take
 * the second one.
 */
function startOf(unit: DateTimeUnit, zone: string, atMs: number): number {
  const start = DateTime.fromMillis(atMs, { zone }).startOf(unit);
  const hourBefore = start.minus({ hours: 1 });
  return hourBefore.toISODate() === start.toISODate() ? hourBefore.toMillis() : start.toMillis();
}

describe.each(ZONES)('the calendar in %s', (zone) => {
  it.each(UNITS)('has in %s years each %s where luxon has it, one after the other', (years, window, unit) => {
    let span = calendarSpan(window, zone, START_MS);
    expect(span.startMs).toBe(startOf(unit, zone, START_MS));
    for (const untilMs = START_MS + years * 366 * 24 * HOUR_MS; span.endMs < untilMs;) {
      const next = calendarSpan(window, zone, span.endMs);
      expect([next.startMs, calendarSpan(window, zone, span.endMs - 1)]).toEqual([span.endMs, span]);
      expect([zone, next.startMs]).toEqual([zone, startOf(unit, zone, next.startMs + 12 * HOUR_MS)]);
      expect(calendarSpan(window, zone, next.endMs - 1)).toEqual(next);
      span = next;
    }
  });
});

describe('a day on which clocks change', () => {
  it.each([
    ['Europe/Berlin', '2026-03-29T12:00:00Z', 23],
    ['Europe/Berlin', '2026-10-25T12:00:00Z', 25],
    ['America/New_York', '2026-03-08T17:00:00Z', 23],
    ['America/New_York', '2026-11-01T17:00:00Z', 25],
    ['Australia/Lord_Howe', '2026-04-05T01:00:00Z', 24.5],
    ['Australia/Lord_Howe', '2026-10-04T01:00:00Z', 23.5],
    ['America/Santiago', '2026-09-06T12:00:00Z', 23],
    ['Atlantic/Azores', '2026-03-29T12:00:00Z', 23],
    ['Atlantic/Azores', '2026-10-25T12:00:00Z', 25],
  ])('has in %s at %s %s hours', (zone, at, hours) => {
    const { startMs, endMs } = calendarSpan('calendar-day', zone, Date.parse(at));
    expect((endMs - startMs) / HOUR_MS).toBe(hours);
  });
});

describe('what is remembered of a calendar', () => {
  const DAY_MS = 24 * HOUR_MS;
  const START = Date.UTC(2031, 0, 1);
  const dayAt = (day: number, ms = 0) =>
    calendarSpan('calendar-day', 'Asia/Dubai', START - 4 * HOUR_MS + day * DAY_MS + ms);

  it('is a window, for each time in it and no other', () => {
    const span = dayAt(0);
    expect([dayAt(0, 1), dayAt(0, DAY_MS - 1)].map((other) => other === span)).toEqual([true, true]);
    expect([dayAt(0, -1).startMs, dayAt(1).startMs]).toEqual([span.startMs - DAY_MS, span.endMs]);
  });

  it('are the last eight windows', () => {
    const spans = [10, 11, 12, 13, 14, 15, 16, 17].map((day) => dayAt(day));
    expect([10, 11, 12, 13, 14, 15, 16, 17].map((day) => dayAt(day) === spans[day - 10])).toEqual(Array(8).fill(true));
    dayAt(18);
    expect(dayAt(11)).toBe(spans[1]);
    const again = dayAt(10);
    expect(again).toEqual(spans[0]);
    expect(again).not.toBe(spans[0]);
  });

  it('is kept apart for each kind of window', () => {
    const month = calendarSpan('calendar-month', 'Asia/Dubai', START);
    expect(dayAt(0)).not.toEqual(month);
    expect(calendarSpan('calendar-month', 'Asia/Dubai', START)).toBe(month);
  });
});

describe('the name of a time zone', () => {
  it.each(ZONES)('is known: %s', (zone) => {
    expect([isTimeZone(zone), IANAZone.isValidZone(zone)]).toEqual([true, true]);
  });

  it.each(['Europe/Atlantis', 'Berlin time', '', '+02:00', 5, undefined, null])('is unknown: %s', (zone) => {
    expect(isTimeZone(zone)).toBe(false);
  });
});
