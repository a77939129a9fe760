import type { BreakerSettings, TripRule } from './breaker.options.js';

/** The counts of one closed period. */
export interface Tally {
  /** Number of failures that count at `nowMs`; reading it changes nothing. */
  failures(nowMs: number): number;
  /** Whether the circuit trips. Called after a failure only, because a success never opens a circuit. */
  trips(nowMs: number, settings: BreakerSettings): boolean;
}

/** Counts a success; returns `undefined` if nothing needs to be remembered. */
export function countSuccess(tally: Tally | undefined, nowMs: number, settings: BreakerSettings): Tally | undefined {
  if (settings.trip.kind === 'consecutive') return undefined;
  return windowOf(tally, nowMs, settings.trip.windowMs).count(nowMs, 0);
}

/** Counts a failure. */
export function countFailure(tally: Tally | undefined, nowMs: number, settings: BreakerSettings): Tally {
  if (settings.trip.kind === 'consecutive') return new ConsecutiveTally((tally?.failures(nowMs) ?? 0) + 1);
  return windowOf(tally, nowMs, settings.trip.windowMs).count(nowMs, 1);
}

function windowOf(tally: Tally | undefined, nowMs: number, windowMs: number): WindowTally {
  return tally instanceof WindowTally ? tally : new WindowTally(windowMs, nowMs);
}

/** Whether the counts of one rule mean the same for another. */
export function sameTally({ trip: before }: BreakerSettings, { trip: after }: BreakerSettings): boolean {
  return before.kind === after.kind && lengthOf(before) === lengthOf(after);
}

const lengthOf = (trip: TripRule): number | undefined => ('windowMs' in trip ? trip.windowMs : undefined);

/** Failures with no success between them. */
class ConsecutiveTally implements Tally {
  constructor(private readonly count: number) {}

  failures(): number {
    return this.count;
  }

  trips(_nowMs: number, settings: BreakerSettings): boolean {
    return this.count >= settings.failureThreshold;
  }
}

const BUCKETS = 10;

interface Bucket {
  /** The number of the tenth of a window that it holds, since the start of the tally. */
  period: number;
  calls: number;
  failures: number;
}

/**
 * The share of failures in a window: a ring of ten buckets, so memory is constant, and an outcome counts for at least
 * 90 % of the window and never longer. It counts in place: a call allocates nothing.
 */
class WindowTally implements Tally {
  private readonly buckets: Bucket[] = Array.from({ length: BUCKETS }, () => ({ period: -1, calls: 0, failures: 0 }));

  constructor(
    private readonly windowMs: number,
    private readonly startMs: number,
  ) {}

  count(nowMs: number, failures: 0 | 1): this {
    const period = this.period(nowMs);
    const bucket = this.buckets[period % BUCKETS] as Bucket;
    if (bucket.period !== period) {
      bucket.period = period;
      bucket.calls = 0;
      bucket.failures = 0;
    }
    bucket.calls += 1;
    bucket.failures += failures;
    return this;
  }

  failures(nowMs: number): number {
    return this.sum(nowMs).failures;
  }

  trips(nowMs: number, { trip }: BreakerSettings): boolean {
    if (trip.kind === 'consecutive') return false;
    const { calls, failures } = this.sum(nowMs);
    return calls >= trip.minimumCalls && failures / calls >= trip.failureRate;
  }

  private period(nowMs: number): number {
    return Math.floor(((nowMs - this.startMs) * BUCKETS) / this.windowMs);
  }

  private sum(nowMs: number): { calls: number; failures: number } {
    const oldest = this.period(nowMs) - BUCKETS;
    let calls = 0;
    let failures = 0;
    for (const bucket of this.buckets) {
      if (bucket.period > oldest) {
        calls += bucket.calls;
        failures += bucket.failures;
      }
    }
    return { calls, failures };
  }
}
