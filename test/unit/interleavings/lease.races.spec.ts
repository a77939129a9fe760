import fc from 'fast-check';
import type { Charge, Refund } from '../../../lib/contracts/backend.js';
import { BackendUnavailableError } from '../../../lib/contracts/errors.js';
import type { Outcome } from '../../../lib/limiter/decider.js';
import { BackendLease, type LeaseAccount } from '../../../lib/limiter/lease.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { prove } from '../../support/proof.js';

const POLICY = testPolicy({ algorithm: 'fixed-window', limit: 20, windowMs: 60_000 });
const CHARGES: readonly Charge[] = [{ key: 'k', policy: POLICY, cost: 3 }];

type Verb = readonly [name: 'consume' | 'adjust' | 'settle' | 'release' | 'dispose', units: number];

/** A quota that is far away: a call gets there, and its answer comes back, when the schedule says so. */
class RemoteQuota implements LeaseAccount {
  used = 3;
  /** Units that were given back. */
  returned = 0;
  private calls = 0;

  /** @param failing calls whose answer is lost, though the quota has heard them; and those that never get there */
  constructor(
    private readonly scheduler: fc.Scheduler,
    private readonly failing: ReadonlyMap<number, 'before' | 'after'>,
  ) {}

  charge(charges: readonly Charge[], overdraw: boolean): Promise<Outcome> {
    return this.travel('charge', () => {
      const units = charges[0]?.cost ?? 0;
      const allowed = overdraw || this.used + units <= POLICY.limit;
      if (allowed) this.used += units;
      return outcome(allowed, POLICY.limit - this.used);
    });
  }

  refund(refunds: readonly Refund[]): Promise<void> {
    return this.travel('refund', () => {
      const units = refunds.reduce((sum, { cost }) => sum + cost, 0);
      this.used -= units;
      this.returned += units;
    });
  }

  private async travel<T>(name: string, arrive: () => T): Promise<T> {
    const fails = this.failing.get(this.calls++);
    await this.scheduler.schedule(Promise.resolve(), `${name} arrives`);
    if (fails === 'before') throw new BackendUnavailableError({ backend: 'remote' });
    const answer = arrive();
    await this.scheduler.schedule(Promise.resolve(), `${name} is answered`);
    if (fails === 'after') throw new BackendUnavailableError({ backend: 'remote' });
    return answer;
  }
}

const outcome = (allowed: boolean, remaining: number): Outcome => {
  const { name, limit, windowMs, mode } = POLICY;
  const status = { name, limit, windowMs, mode, allowed, remaining, resetAfterMs: 0, retryAfterMs: 0 };
  const common = { source: 'primary', backend: 'remote', policies: [status] } as const;
  return allowed
    ? { atMs: 0, decision: { ...common, kind: 'allowed', allowed } }
    : { atMs: 0, decision: { ...common, kind: 'limited', allowed, retryAfterMs: 1 } };
};

const verbs: fc.Arbitrary<Verb[]> = fc.array(
  fc.oneof(
    fc.tuple(fc.constant('consume' as const), fc.integer({ min: 0, max: 12 })),
    fc.tuple(fc.constant('adjust' as const), fc.integer({ min: -8, max: 8 })),
    fc.tuple(fc.constantFrom('settle' as const, 'release' as const, 'dispose' as const), fc.constant(0)),
  ),
  { minLength: 1, maxLength: 6 },
);

const lost = fc
  .array(fc.tuple(fc.nat(8), fc.constantFrom('before' as const, 'after' as const)), { maxLength: 2 })
  .map((calls) => new Map(calls));

/** Makes each call when the schedule says so, and tells in which order what it did became known. */
async function play(scheduler: fc.Scheduler, quota: RemoteQuota, calls: readonly Verb[]) {
  const lease = new BackendLease(outcome(true, POLICY.limit - 3), CHARGES, quota);
  let ending: 'settle' | 'release' | undefined;
  const making = calls.map(async ([name, units]) => {
    await scheduler.schedule(Promise.resolve(), `${name} ${units}`);
    if (ending === undefined && (name === 'settle' || name === 'release' || name === 'dispose')) {
      ending = name === 'settle' ? 'settle' : 'release';
    }
    if (name === 'consume' || name === 'adjust') await lease[name](units);
    else if (name === 'dispose') await lease[Symbol.asyncDispose]();
    else if (name === 'release') await lease.release();
    else lease.settle();
  });
  await scheduler.waitFor(Promise.allSettled(making));
  return { lease, ending };
}

it('gives back all that a released lease charged, once, however its calls cross', async () => {
  const property = fc.asyncProperty(fc.scheduler(), verbs, async (scheduler, calls) => {
    const quota = new RemoteQuota(scheduler, new Map());
    const { ending } = await play(scheduler, quota, calls);
    if (ending === 'release') expect(quota.used).toBe(0);
    else expect(quota.used).toBeGreaterThanOrEqual(0);
  });
  await prove(property, 500);
});

it('never gives back more than it charged, however many of its calls are lost', async () => {
  const property = fc.asyncProperty(fc.scheduler(), verbs, lost, async (scheduler, calls, failing) => {
    const quota = new RemoteQuota(scheduler, failing);
    await play(scheduler, quota, calls);
    expect(quota.used).toBeGreaterThanOrEqual(0);
  });
  await prove(property, 500);
});

it('gives back no more than it is asked to, whatever it holds', async () => {
  const unreleased = verbs.map((calls) => calls.filter(([name]) => name === 'consume' || name === 'adjust'));
  const property = fc.asyncProperty(fc.scheduler(), unreleased, async (scheduler, calls) => {
    const quota = new RemoteQuota(scheduler, new Map());
    await play(scheduler, quota, calls);
    const asked = calls.reduce((sum, [name, units]) => sum + (name === 'adjust' ? Math.max(0, -units) : 0), 0);
    expect(quota.returned).toBeLessThanOrEqual(asked);
  });
  await prove(property, 300);
});

it('gives back nothing once it is settled, but what was asked to be given back before', async () => {
  const later = verbs.map((calls) => calls.filter(([, units]) => units >= 0));
  const property = fc.asyncProperty(fc.scheduler(), later, async (scheduler, calls) => {
    const quota = new RemoteQuota(scheduler, new Map());
    const { lease, ending } = await play(scheduler, quota, [...calls, ['settle', 0]]);
    if (ending !== 'settle') return;
    await scheduler.waitFor(lease.release());
    expect(quota.returned).toBe(0);
  });
  await prove(property, 300);
});
