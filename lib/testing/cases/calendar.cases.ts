import { strict as assert } from 'node:assert';
import type { CounterState } from '../../algorithms/algorithm.js';
import { decide } from '../../algorithms/counter.js';
import type { CalendarWindow, Policy } from '../../contracts/policy.js';
import type { CaseDefinition } from '../conformance.case.js';
import type { Subject } from '../subject.js';

const HOUR_MS = 3_600_000;

const calendarPolicy = (subject: Subject, calendar: CalendarWindow, timeZone: string, limit = 2): Policy =>
  subject.policy({ algorithm: 'fixed-window', limit, windowMs: 24 * HOUR_MS, calendar, timeZone });

/** A window, the time zone, its first and last moment, and its length in hours. */
const WINDOWS: readonly (readonly [CalendarWindow, zone: string, start: string, end: string, hours: number])[] = [
  ['calendar-day', 'UTC', '2026-02-28T00:00:00Z', '2026-03-01T00:00:00Z', 24],
  ['calendar-day', 'Europe/Berlin', '2026-03-28T23:00:00Z', '2026-03-29T22:00:00Z', 23],
  ['calendar-day', 'America/New_York', '2026-11-01T04:00:00Z', '2026-11-02T05:00:00Z', 25],
  ['calendar-week', 'Asia/Kathmandu', '2026-01-04T18:15:00Z', '2026-01-11T18:15:00Z', 168],
  ['calendar-month', 'UTC', '2028-02-01T00:00:00Z', '2028-03-01T00:00:00Z', 29 * 24],
  ['calendar-month', 'Europe/Berlin', '2026-02-28T23:00:00Z', '2026-03-31T22:00:00Z', 31 * 24 - 1],
];

/** Windows of the calendar, which a fixed window can have. */
export const calendarCases: readonly CaseDefinition[] = [
  ...WINDOWS.map(([calendar, timeZone, start, end, hours]): CaseDefinition => ({
    name: `fixed-window: counts in the ${calendar} of ${timeZone} that begins at ${start}`,
    needsClock: true,
    async run(subject) {
      const policy = calendarPolicy(subject, calendar, timeZone);
      const [startMs, endMs] = [Date.parse(start), Date.parse(end)];
      await subject.setClock(startMs - 1);
      await subject.consume(policy, 2);
      await subject.setClock(startMs);
      const first = await subject.consume(policy, 2);
      assert.deepEqual([first.allowed, first.windowMs], [true, hours * HOUR_MS]);
      assert.equal(first.resetAfterMs, endMs - startMs);
      await subject.setClock(endMs - 1);
      const refused = await subject.consume(policy);
      assert.deepEqual([refused.allowed, refused.retryAfterMs], [false, 1]);
      await subject.setClock(endMs);
      assert.equal((await subject.consume(policy, 2)).remaining, 0);
    },
  })),
  {
    name: 'fixed-window: mints nothing when the clock steps back into the month before, or further',
    needsClock: true,
    async run(subject) {
      const policy = calendarPolicy(subject, 'calendar-month', 'Europe/Berlin');
      const borderMs = Date.parse('2026-03-31T22:00:00Z');
      await subject.setClock(borderMs);
      await subject.consume(policy, 2);
      for (const backMs of [1, 27 * 24 * HOUR_MS]) {
        await subject.setClock(borderMs - backMs);
        assert.equal((await subject.consume(policy)).allowed, false);
      }
      await subject.setClock(borderMs - 100 * 24 * HOUR_MS);
      const { allowed, nowMs, retryAfterMs } = await subject.consume(policy);
      assert.equal(allowed, false);
      assert.ok(retryAfterMs !== null && retryAfterMs <= 62 * 24 * HOUR_MS);
      await subject.setClock(nowMs + retryAfterMs);
      assert.equal((await subject.consume(policy)).allowed, true);
    },
  },
  {
    name: 'fixed-window: mints nothing when the window becomes one of the calendar, another of it, or none again',
    needsClock: true,
    async run(subject) {
      await subject.setClock(Date.parse('2026-05-13T12:00:00Z'));
      const policy = subject.policy({ algorithm: 'fixed-window', limit: 5, windowMs: 24 * HOUR_MS });
      await subject.consume(policy, 5);
      const changes: Partial<Policy>[] = [
        { calendar: 'calendar-month', timeZone: 'UTC' },
        { calendar: 'calendar-month', timeZone: 'Asia/Kathmandu' },
        { calendar: 'calendar-week', timeZone: 'America/New_York' },
        { calendar: 'calendar-day' },
        { windowMs: HOUR_MS },
      ];
      for (const change of changes) {
        const refused = await subject.consume({ ...policy, ...change });
        assert.deepEqual([refused.allowed, refused.remaining], [false, 0], JSON.stringify(change));
      }
    },
  },
  {
    name: 'fixed-window: gives back what was charged in the same month, and nothing of the one before',
    needsClock: true,
    async run(subject) {
      const policy = calendarPolicy(subject, 'calendar-month', 'UTC', 5);
      await subject.setClock(Date.parse('2026-02-10T00:00:00Z'));
      const { nowMs: chargedAtMs } = await subject.consume(policy, 3);
      await subject.setClock(Date.parse('2026-02-28T23:59:59Z'));
      await subject.refund(policy, 1, { chargedAtMs });
      assert.equal((await subject.peek(policy)).remaining, 3);
      await subject.setClock(Date.parse('2026-03-01T00:00:00Z'));
      await subject.consume(policy, 3);
      await subject.refund(policy, 2, { chargedAtMs });
      assert.equal((await subject.peek(policy)).remaining, 2);
    },
  },
  ...(['calendar-day', 'calendar-week', 'calendar-month'] as const).map((calendar): CaseDefinition => ({
    name: `fixed-window: decides by the ${calendar} as the reference does at the time that its reply tells`,
    async run(subject) {
      const policy = calendarPolicy(subject, calendar, 'Pacific/Auckland');
      let stored: CounterState | undefined;
      for (let call = 0; call < 3; call += 1) {
        const { nowMs, ...told } = await subject.consume(policy);
        const { state, status } = decide(stored, policy, 1, false, nowMs);
        assert.deepEqual(told, status);
        stored = state;
      }
    },
  })),
];
