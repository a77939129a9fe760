import type { CalendarWindow, Policy } from '../contracts/policy.js';
import { counted, type Algorithm, type CounterState } from './algorithm.js';
import { calendarSpan, type Span } from './calendar.js';

/** How a state remembers by which windows it was counted: 0 where they have one length, aligned to the epoch. */
const KINDS: Readonly<Record<CalendarWindow, number>> = { 'calendar-day': 1, 'calendar-week': 2, 'calendar-month': 3 };

/**
 * One counter for each window. All processes share the windows' borders: whole multiples of the window since the epoch,
 * or those of the calendar in a time zone.
 */
export const fixedWindow: Algorithm = {
  advance,

  isDisplaced(stored, policy, nowMs) {
    if (isOtherwise(stored, policy)) return true;
    if (stored.at <= nowMs) return false;
    const { endMs } = windowAt(policy, nowMs);
    return stored.at !== endMs && stored.at !== windowAt(policy, endMs).endMs;
  },

  admits: (stored, policy, cost, nowMs) => fits(advance(stored, policy, nowMs), policy, cost),

  decide(stored, policy, cost, forced, nowMs) {
    const before = advance(stored, policy, nowMs);
    const admitted = forced || fits(before, policy, cost);
    const state = admitted && cost > 0 ? using(before, Math.min(before.used + cost, Number.MAX_SAFE_INTEGER)) : before;
    const untilNextMs = state.at - nowMs;
    const resetAfterMs = state.used === 0 ? 0 : untilNextMs;
    return {
      admitted,
      state,
      remaining: policy.limit - state.used,
      resetAfterMs,
      retryAfterMs: admitted ? 0 : untilNextMs,
      nextUnitAfterMs: resetAfterMs,
    };
  },

  refund(state, _policy, cost, _nowMs, chargedAtMs = state.at - 1) {
    const counts = chargedAtMs < state.at && chargedAtMs >= state.at - state.windowMs;
    return counts ? using(state, Math.max(0, state.used - cost)) : state;
  },
};

/** The window of a policy that a time lies in. */
export function windowAt({ windowMs, calendar, timeZone = 'UTC' }: Policy, atMs: number): Span {
  if (calendar !== undefined) return calendarSpan(calendar, timeZone, atMs);
  const startMs = Math.floor(atMs / windowMs) * windowMs;
  return { startMs, endMs: startMs + windowMs };
}

/**
 * Borders of the windows around a time, ms since the epoch: the starts of the window before and of the present one, then
 * the ends of the present one and of the two after it.
 */
export function bordersAround(policy: Policy, atMs: number): readonly number[] {
  const present = windowAt(policy, atMs);
  const before = windowAt(policy, present.startMs - 1);
  const next = windowAt(policy, present.endMs);
  const last = windowAt(policy, next.endMs);
  return [before.startMs, present.startMs, present.endMs, next.endMs, last.endMs];
}

/** Length of the current window: the policy's, except for calendar windows. */
export function presentWindowMs(policy: Policy, nowMs: number): number {
  if (policy.calendar === undefined) return policy.windowMs;
  const { startMs, endMs } = windowAt(policy, nowMs);
  return endMs - startMs;
}

/** By which windows a policy counts, as states remember it. */
export const kindOf = ({ calendar }: Policy): number => (calendar === undefined ? 0 : KINDS[calendar]);

function advance(stored: CounterState | undefined, policy: Policy, nowMs: number): CounterState {
  const present = windowAt(policy, nowMs);
  const { endMs } = present;
  if (stored === undefined || stored.at <= nowMs) return inWindow(present, policy, 0);
  if (isOtherwise(stored, policy)) return inWindow(present, policy, stored.used);
  if (stored.at === endMs) return stored;
  const next = windowAt(policy, endMs);
  // A clock that stepped back may cross the border again at once: units of a window to come stay until it has passed.
  if (stored.at === next.endMs) return stored;
  // Between the borders of windows lie those of another time zone.
  return inWindow(stored.at > next.endMs ? next : present, policy, stored.used);
}

/** Whether a state was counted by windows of another length or kind. */
const isOtherwise = (stored: CounterState, policy: Policy): boolean =>
  stored.rest !== kindOf(policy) || (policy.calendar === undefined && stored.windowMs !== policy.windowMs);

const fits = ({ used }: CounterState, { limit }: Policy, cost: number): boolean => cost <= limit - used;

const inWindow = ({ startMs, endMs }: Span, policy: Policy, used: number): CounterState =>
  counted(endMs - startMs, endMs, used, kindOf(policy));

const using = ({ windowMs, at, rest }: CounterState, used: number): CounterState => counted(windowMs, at, used, rest);
