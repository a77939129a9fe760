import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import type { PolicyStatus } from '../../../lib/contracts/decision.js';
import { COUNTING_ALGORITHMS, type CountingAlgorithm, type Policy } from '../../../lib/contracts/policy.js';
import { refillOf } from '../../../lib/algorithms/quotient.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { ExactLimiter } from './exact-model.js';
import { PureLimiter } from './pure-limiter.js';

/** Random sequences of each algorithm; a failing one is told with its seed and made as short as it can be. */
const SEQUENCES = Number(process.env['SEQUENCES'] ?? 5_000);
const START_MS = Date.UTC(2026, 0, 1);
const MAX_PRODUCT = 2 ** 52;

/** How far the clock goes before a step. */
type Pace =
  | { readonly kind: 'by'; readonly ms: number }
  | { readonly kind: 'windows'; readonly share: number }
  /** To the next border of the window, or so many ms beside it. */
  | { readonly kind: 'border'; readonly beside: number }
  /** To the time that the last refusal told, or so many ms beside it. */
  | { readonly kind: 'due'; readonly beside: number };

type Step = { readonly pace: Pace; readonly amount: number } & (
  | { readonly verb: 'consume' | 'overdraw' | 'refund' | 'refund-last' }
  | { readonly verb: 'limit' | 'window'; readonly value: number }
);

const pace: fc.Arbitrary<Pace> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('by' as const), ms: fc.integer({ min: 0, max: 3 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('windows' as const),
      share: fc.double({ min: 0, max: 2.5, noNaN: true }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('windows' as const), share: fc.double({ min: -4, max: 0, noNaN: true }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('by' as const), ms: fc.integer({ min: -3, max: -1 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('border' as const), beside: fc.integer({ min: -2, max: 2 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('due' as const), beside: fc.integer({ min: -1, max: 0 }) }) },
);

const WINDOWS = [1, 2, 3, 7, 10, 100, 999, 1000, 1001, 60_000, 3_600_000, 86_400_000, 2_592_000_000, 31_622_400_000];
const LIMITS = [0, 1, 2, 3, 5, 7, 10, 100, 1000, 999_983, 10_000_000, 2 ** 34, Number.MAX_SAFE_INTEGER];

const windowMs = fc.oneof(fc.constantFrom(...WINDOWS), fc.integer({ min: 1, max: 5000 }));
const limit = fc.oneof(fc.constantFrom(...LIMITS), fc.integer({ min: 1, max: 50 }));
/** A share of the limit, or so many units. */
const amount = fc.oneof(
  fc.integer({ min: 0, max: 3 }),
  // Beyond 60 units, a strict window takes some of them together.
  fc.double({ min: 0.01, max: 1, noNaN: true, maxExcluded: true }),
  fc.constantFrom(0.999_999, 1.000_001),
);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ verb: fc.constant('consume' as const), pace, amount }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constantFrom('overdraw', 'refund', 'refund-last'), pace, amount }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant('limit' as const), pace, amount, value: limit }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant('window' as const), pace, amount, value: windowMs }) },
);

const start = fc.record({
  limit,
  windowMs,
  burstFactor: fc.constantFrom(1, 1, 0.5, 3),
  blockForMs: fc.constantFrom(0, 0, 0, 1, 50, 100_000),
  offsetMs: fc.integer({ min: 0, max: 100_000 }),
});

/** What validation makes of a limit: products stay exact, a log stays short. */
function within(algorithm: CountingAlgorithm, limit: number, windowMs: number): number {
  const byProduct = Math.floor(MAX_PRODUCT / windowMs);
  switch (algorithm) {
    case 'fixed-window':
    case 'strict-window':
      return limit;
    case 'sliding-window':
      return Math.min(limit, Math.max(byProduct, 2 ** 35 - 1));
    case 'token-bucket':
      return limit * refillOf(limit, windowMs).token <= MAX_PRODUCT ? limit : byProduct;
    case 'sliding-log':
      return Math.min(limit, 60);
  }
}

function policyOf(
  algorithm: CountingAlgorithm,
  limit: number,
  windowMs: number,
  burstFactor: number,
  blockForMs: number,
): Policy {
  const valid = within(algorithm, limit, windowMs);
  const burst =
    algorithm === 'token-bucket'
      ? Math.max(
          1,
          Math.min(Math.floor(valid * burstFactor), Math.floor(MAX_PRODUCT / refillOf(valid, windowMs).token)),
        )
      : valid;
  return testPolicy({ algorithm, limit: valid, windowMs, burst, blockForMs });
}

const atMost = (value: number, most: number): void => {
  assert.ok(value <= most, `${value} is more than ${most}`);
};

/** A run of both limiters side by side, with everything demanded that must hold at every step. */
class Run {
  private readonly pure = new PureLimiter();
  private readonly exact = new ExactLimiter();
  private nowMs: number;
  private dueMs = 0;
  private chargedAtMs: number | undefined;

  constructor(
    private policy: Policy,
    private readonly burstFactor: number,
    offsetMs: number,
  ) {
    this.nowMs = START_MS + offsetMs;
  }

  step(step: Step): void {
    this.go(step.pace);
    const cost = this.units(step.amount);
    switch (step.verb) {
      case 'consume':
        return this.consume(cost, false);
      case 'overdraw':
        // A log of the model keeps every unit by itself.
        return this.consume(this.policy.algorithm === 'sliding-log' ? Math.min(cost, 100) : cost, true);
      case 'refund':
        return this.refund(cost, undefined);
      case 'refund-last':
        return this.refund(cost, this.chargedAtMs);
      case 'limit':
        return this.change(step.value, this.policy.windowMs);
      case 'window':
        // Beyond, the part of a token that a bucket carries over is exact to a rounding error, and not to the last bit.
        if (this.policy.windowMs * step.value > Number.MAX_SAFE_INTEGER) return;
        return this.change(this.policy.limit, step.value);
      default:
        return step satisfies never;
    }
  }

  private go(pace: Pace): void {
    const before = this.pure.peek(this.policy, this.nowMs).remaining;
    const elapsedMs = this.elapsedMs(pace);
    this.nowMs += elapsedMs;
    const { remaining } = this.pure.peek(this.policy, this.nowMs);
    if (elapsedMs < 0) atMost(remaining, before);
    else atMost(before, remaining);
  }

  private elapsedMs(pace: Pace): number {
    const { windowMs } = this.policy;
    switch (pace.kind) {
      case 'by':
        return pace.ms;
      case 'windows':
        return Math.trunc(pace.share * windowMs);
      case 'border':
        return windowMs - (this.nowMs % windowMs) + pace.beside;
      case 'due':
        return Math.max(0, this.dueMs - this.nowMs + pace.beside);
      default:
        return pace satisfies never;
    }
  }

  private consume(cost: number, overdraw: boolean): void {
    const before = this.pure.copy();
    const status = this.pure.consume(this.policy, cost, this.nowMs, overdraw);
    assert.deepEqual(counted(status), this.exact.consume(this.policy, cost, this.nowMs, overdraw));
    this.check(status);
    if (status.allowed && cost > 0) this.chargedAtMs = this.nowMs;
    if (status.allowed || status.retryAfterMs === null) return;
    this.dueMs = this.nowMs + status.retryAfterMs;
    assert.equal(this.pure.copy().consume(this.policy, cost, this.dueMs - 1).allowed, false);
    assert.equal(this.pure.copy().consume(this.policy, cost, this.dueMs).allowed, true);
    if (this.policy.blockForMs === 0) assert.equal(before.peek(this.policy, this.nowMs).remaining, status.remaining);
  }

  private refund(cost: number, chargedAtMs: number | undefined): void {
    const before = this.pure.peek(this.policy, this.nowMs).remaining;
    this.pure.refund(this.policy, cost, this.nowMs, chargedAtMs);
    this.exact.refund(this.policy, cost, this.nowMs, chargedAtMs);
    const status = this.pure.peek(this.policy, this.nowMs);
    assert.deepEqual(counted(status), this.exact.peek(this.policy, this.nowMs));
    this.check(status);
    atMost(before, status.remaining);
    atMost(status.remaining, Math.min(before + cost, this.capacity()));
  }

  private change(limit: number, windowMs: number): void {
    const before = this.pure.peek(this.policy, this.nowMs).remaining;
    const capacity = this.capacity();
    const { blockForMs } = this.policy;
    const algorithm = this.policy.algorithm as CountingAlgorithm;
    this.policy = policyOf(algorithm, limit, windowMs, this.burstFactor, blockForMs);
    const status = this.pure.peek(this.policy, this.nowMs);
    assert.deepEqual(counted(status), this.exact.peek(this.policy, this.nowMs));
    this.check(status);
    // A shorter window lets go of the older units of a log; the others hand on all that is in use.
    if (algorithm === 'sliding-log' || algorithm === 'strict-window' || capacity === 0) return;
    atMost(status.remaining, before + Math.max(0, this.capacity() - capacity));
  }

  private check(status: PolicyStatus): void {
    for (const value of [status.remaining, status.resetAfterMs, status.retryAfterMs ?? 0]) {
      assert.ok(Number.isSafeInteger(value) && value >= 0, `${value} is no whole number of at least 0`);
    }
    atMost(status.remaining, this.capacity());
    this.checkRemaining(status.remaining);
    this.checkReset(status.resetAfterMs);
  }

  private checkRemaining(remaining: number): void {
    assert.equal(this.pure.copy().consume(this.policy, remaining, this.nowMs).allowed, true);
    if (remaining === Number.MAX_SAFE_INTEGER) return;
    assert.equal(this.pure.copy().consume(this.policy, remaining + 1, this.nowMs).allowed, false);
  }

  private checkReset(resetAfterMs: number): void {
    // Nothing is stored under a limit of 0, nor is there anything to come back.
    if (this.policy.limit === 0) return;
    // A call that costs nothing stores what a change or a step back has displaced; a peek does not.
    const settled = this.pure.copy();
    settled.consume(this.policy, 0, this.nowMs);
    const then = settled.peek(this.policy, this.nowMs + resetAfterMs);
    assert.deepEqual(then, new PureLimiter().peek(this.policy, this.nowMs + resetAfterMs));
    if (resetAfterMs === 0) return;
    assert.equal(settled.peek(this.policy, this.nowMs + resetAfterMs - 1).resetAfterMs, 1);
  }

  private capacity(): number {
    return this.policy.limit === 0 ? 0 : this.policy.burst;
  }

  private units(amount: number): number {
    if (Number.isInteger(amount)) return amount;
    return Math.min(Math.ceil(amount * this.policy.burst), Number.MAX_SAFE_INTEGER);
  }
}

describe.each(COUNTING_ALGORITHMS)('%s', (algorithm) => {
  it(`agrees with exact arithmetic on ${SEQUENCES} random sequences`, () => {
    fc.assert(
      fc.property(start, fc.array(step, { minLength: 1, maxLength: 20 }), (given, steps) => {
        const { limit, windowMs, burstFactor, blockForMs, offsetMs } = given;
        const run = new Run(policyOf(algorithm, limit, windowMs, burstFactor, blockForMs), burstFactor, offsetMs);
        for (const step of steps) run.step(step);
      }),
      { numRuns: SEQUENCES },
    );
  });
});

/** A status without what the model does not tell: the wait for the next unit has a test of its own. */
function counted({ nextUnitAfterMs: _next, unit: _unit, ...status }: PolicyStatus): PolicyStatus {
  return status;
}
