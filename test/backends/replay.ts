import assert from 'node:assert/strict';
import type { Backend, Charge, Refund, Reply } from '../../lib/contracts/backend.js';
import type { AlgorithmName, Policy } from '../../lib/contracts/policy.js';
import { testPolicy } from '../../lib/testing/test-policy.js';
import { CLOCK_START_MS, type ManualClock } from '../support/manual-clock.js';
import { KEYS, POLICIES, type CallSequence, type Shape, type Step } from './call-sequence.js';
import type { ReferenceCall, ReferenceLimiter, Trace } from './reference-limiter.js';

/** A store in the time of a test, and what it has to agree with. */
export interface Replayed {
  readonly backend: Backend;
  /** What each call wrote, in order, where the store tells. */
  readonly traces?: readonly Trace[];
  readonly reference: ReferenceLimiter;
  /** The time of both. */
  readonly clock: ManualClock;
  /** Whether a call is answered before the next one is made: for a store that may decide on calls in another order. */
  readonly oneByOne?: boolean;
  /** How far the clock of the process is ahead of the store's, ms. Default 0. */
  readonly aheadMs?: number;
  /** What keys begin with. */
  readonly keyPrefix?: string;
}

/** One sequence, in a store and by the pure functions at the same times. */
export class Replay {
  private readonly policies: Policy[];
  private readonly sentAtMs: number[] = [];
  private readonly checks: (() => void)[] = [];
  private readonly pending: Promise<unknown>[] = [];

  constructor(
    private readonly replayed: Replayed,
    private readonly given: CallSequence,
  ) {
    replayed.clock.set(CLOCK_START_MS + 59_990);
    this.policies = given.algorithms.map((algorithm, index) => shaped(index, algorithm, given.shapes[index]!));
  }

  /** Sends all calls, and compares when all are answered. */
  async run(): Promise<void> {
    for (const step of this.given.steps) {
      this.take(step);
      if (this.replayed.oneByOne) await this.pending.at(-1);
      this.compare('peek', { charges: this.charges(Array<number>(POLICIES * KEYS.length).fill(0)) });
      if (this.replayed.oneByOne) await this.pending.at(-1);
    }
    await Promise.all(this.pending);
    this.checks.forEach((check) => check());
  }

  private take(step: Step): void {
    switch (step.kind) {
      case 'pass':
        return this.replayed.clock.advance(step.ms);
      case 'change':
        this.policies[step.index] = shaped(step.index, this.policies[step.index]!.algorithm, step.shape);
        return;
      case 'refund': {
        const { owed, agoCalls } = step;
        const chargedAtMs = agoCalls === null ? undefined : this.sentAtMs.at(-1 - agoCalls);
        const charges: readonly Refund[] = this.charges(step.costs);
        return this.compare('refund', {
          charges: owed === null ? charges : charges.map((one) => ({ ...one, owed })),
          ...(chargedAtMs === undefined ? {} : { chargedAtMs }),
        });
      }
      case 'consume':
        this.sentAtMs.push(this.replayed.clock());
        return this.compare('consume', { overdraw: step.overdraw, charges: this.charges(step.costs) });
      default:
        return this.compare(step.kind, { charges: this.charges(step.costs) });
    }
  }

  private compare(
    verb: 'consume' | 'peek' | 'refund' | 'renew' | 'reset',
    call: Omit<ReferenceCall, 'timeoutMs'>,
  ): void {
    const { backend, reference, traces } = this.replayed;
    const request = { ...call, timeoutMs: 60_000 };
    const index = this.pending.length;
    let actual: Reply | void;
    this.pending.push(this.inTime(() => backend[verb]?.(request)).then((reply) => (actual = reply)));
    const expected = reference[verb](request);
    const trace = reference.lastTrace;
    this.checks.push(() => {
      assert.deepEqual(actual, expected);
      if (traces !== undefined) assert.deepEqual(traces[index], trace);
    });
  }

  /** Sends a call from a process whose clock is that of the server, or ahead of it. */
  private inTime<T>(send: () => T | Promise<T>): Promise<T> {
    const { now } = Date;
    const { clock, aheadMs = 0 } = this.replayed;
    const sentMs = clock() + aheadMs;
    Date.now = () => sentMs;
    try {
      return Promise.resolve(send());
    } finally {
      Date.now = now;
    }
  }

  private charges(costs: readonly (number | null)[]): Charge[] {
    return costs.flatMap((cost, place) => {
      const policy = this.policies[place % POLICIES]!;
      const key = `${this.replayed.keyPrefix ?? ''}${KEYS[Math.floor(place / POLICIES)]}`;
      if (cost === null) return [];
      // Few slots, so that calls meet in them.
      const isSlot = policy.algorithm === 'concurrency';
      return [isSlot ? { key, policy, cost: Math.min(cost, 1), slot: cost % 7 } : { key, policy, cost }];
    });
  }
}

function shaped(index: number, algorithm: AlgorithmName, { burst, calendar, timeZone, ...rest }: Shape): Policy {
  const isCalendar = algorithm === 'fixed-window' && calendar !== undefined;
  return testPolicy({
    name: `p${index}`,
    algorithm,
    ...rest,
    ...(isCalendar ? { calendar, ...(timeZone === undefined ? {} : { timeZone }) } : {}),
    burst: algorithm === 'token-bucket' ? burst : rest.limit,
  });
}
