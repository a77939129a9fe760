import { strict as assert } from 'node:assert';
import type { Policy } from '../../contracts/policy.js';
import type { CaseDefinition } from '../conformance.case.js';
import { type Subject, TIMEOUT_MS, type Verdict } from '../subject.js';

const slots = (subject: Subject, given: Partial<Policy> = {}): Policy =>
  subject.policy({ algorithm: 'concurrency', limit: 2, windowMs: 60_000, ...given });

/** One slot of a policy, in the hands of one call. */
class Call {
  private static calls = 0;
  private readonly slot = (Call.calls += 1);

  constructor(
    private readonly subject: Subject,
    private readonly policy: Policy,
    private readonly key = subject.key,
  ) {}

  async begin(others: readonly Policy[] = []): Promise<Verdict> {
    const { key, slot } = this;
    const reply = await this.subject.consumeAll([
      { policy: this.policy, key, cost: 1, slot },
      ...others.map((policy) => ({ policy, key, cost: 1 })),
    ]);
    return { ...(reply.policies[0] as Verdict), allowed: reply.allowed, nowMs: reply.nowMs };
  }

  async end(): Promise<void> {
    await this.subject.backend.refund(this.request());
  }

  async renew(policy = this.policy): Promise<void> {
    assert.ok(this.subject.backend.renew, 'a backend that offers concurrency can renew');
    await this.subject.backend.renew(this.request(policy));
  }

  private request(policy = this.policy) {
    return { charges: [{ policy, key: this.key, cost: 1, slot: this.slot }], timeoutMs: TIMEOUT_MS };
  }
}

/** Slots of calls that run at the same time. */
export const slotCases: readonly CaseDefinition[] = [
  {
    name: 'concurrency: lets so many calls run at a time, and the next when one ends',
    async run(subject) {
      const policy = slots(subject);
      const [one, two, three] = [new Call(subject, policy), new Call(subject, policy), new Call(subject, policy)];
      assert.deepEqual([(await one.begin()).remaining, (await two.begin()).remaining], [1, 0]);
      const refused = await three.begin();
      assert.deepEqual([refused.allowed, refused.remaining], [false, 0]);
      assert.ok(refused.retryAfterMs !== null && refused.retryAfterMs >= 1000);
      await one.end();
      assert.equal((await subject.peek(policy)).remaining, 1);
      assert.equal((await three.begin()).allowed, true);
    },
  },
  {
    name: 'concurrency: frees a slot once, however often its call ends',
    async run(subject) {
      const policy = slots(subject);
      const [one, two] = [new Call(subject, policy), new Call(subject, policy)];
      await one.begin();
      await two.begin();
      for (let time = 0; time < 3; time += 1) await one.end();
      assert.equal((await subject.peek(policy)).remaining, 1);
      await new Call(subject, policy).end();
      assert.equal((await subject.peek(policy)).remaining, 1);
    },
  },
  {
    name: 'concurrency: gives a call that asks twice one slot',
    async run(subject) {
      const policy = slots(subject);
      const one = new Call(subject, policy);
      await one.begin();
      const again = await one.begin();
      assert.deepEqual([again.allowed, again.remaining], [true, 1]);
      await new Call(subject, policy).begin();
      assert.equal((await one.begin()).allowed, true, 'the slot is its own, even where none is free');
    },
  },
  {
    name: 'concurrency: keeps the slots of keys and policies apart, and forgets them by a reset',
    async run(subject) {
      const policy = slots(subject, { limit: 1 });
      await new Call(subject, policy).begin();
      assert.equal((await new Call(subject, policy, `${subject.key}-2`).begin()).allowed, true);
      assert.equal((await new Call(subject, slots(subject, { limit: 1 })).begin()).allowed, true);
      await subject.reset(policy);
      assert.equal((await new Call(subject, policy).begin()).allowed, true);
    },
  },
  {
    name: 'concurrency: takes a slot and charges the others, or nothing',
    async run(subject) {
      const policy = slots(subject, { limit: 1 });
      const other = subject.algorithms.find((algorithm) => algorithm !== 'concurrency');
      if (other === undefined) return;
      const quota = subject.policy({ algorithm: other, limit: 2 });
      const [one, two] = [new Call(subject, policy), new Call(subject, policy)];
      assert.equal((await one.begin([quota])).allowed, true);
      assert.equal((await two.begin([quota])).allowed, false);
      assert.equal((await subject.peek(quota)).remaining, 1, 'no free slot, no charge');
      await one.end();
      await subject.consume(quota);
      assert.equal((await two.begin([quota])).allowed, false);
      assert.equal((await subject.peek(policy)).remaining, 1, 'no quota, no slot');
    },
  },
  {
    name: 'concurrency: refuses for ever under a limit of 0, and admits beyond it by an overdraft',
    async run(subject) {
      assert.equal((await new Call(subject, slots(subject, { limit: 0 })).begin()).retryAfterMs, null);
      const policy = slots(subject, { limit: 1 });
      await new Call(subject, policy).begin();
      await subject.consumeAll([{ policy, key: subject.key, cost: 1, slot: Number.MAX_SAFE_INTEGER }], true);
      assert.equal((await subject.peek(policy)).remaining, 0);
      assert.equal((await new Call(subject, policy).begin()).allowed, false);
    },
  },
  {
    name: 'concurrency: never gives more slots than there are to calls that come together',
    async run(subject) {
      const policy = slots(subject, { limit: 5 });
      const calls = Array.from({ length: 30 }, () => new Call(subject, policy));
      const begun = await Promise.all(calls.map((call) => call.begin()));
      assert.equal(begun.filter(({ allowed }) => allowed).length, 5);
      await Promise.all(calls.map((call) => call.end()));
      assert.equal((await subject.peek(policy)).remaining, 5);
    },
  },
  {
    name: 'concurrency: frees a slot when its lease is over, to the millisecond',
    needsClock: true,
    async run(subject) {
      const policy = slots(subject, { limit: 1 });
      const { nowMs, resetAfterMs } = await new Call(subject, policy).begin();
      assert.equal(resetAfterMs, 60_000);
      await subject.setClock(nowMs + 59_999);
      assert.equal((await new Call(subject, policy).begin()).allowed, false);
      await subject.setClock(nowMs + 60_000);
      assert.deepEqual((await subject.peek(policy)).remaining, 1);
      assert.equal((await new Call(subject, policy).begin()).allowed, true);
    },
  },
  {
    name: 'concurrency: renews the lease of a slot that is held, and brings none back that is gone',
    needsClock: true,
    async run(subject) {
      const policy = slots(subject);
      const [one, two] = [new Call(subject, policy), new Call(subject, policy)];
      const { nowMs } = await one.begin();
      await two.begin();
      await subject.setClock(nowMs + 40_000);
      await one.renew();
      await subject.setClock(nowMs + 60_000);
      assert.equal((await subject.peek(policy)).remaining, 1);
      await two.renew();
      assert.equal((await subject.peek(policy)).remaining, 1);
      await subject.setClock(nowMs + 99_999);
      assert.equal((await subject.peek(policy)).remaining, 1);
      await subject.setClock(nowMs + 100_000);
      assert.equal((await subject.peek(policy)).remaining, 2);
      await one.end();
      await one.renew();
      assert.equal((await subject.peek(policy)).remaining, 2);
    },
  },
  {
    name: 'concurrency: stretches no lease when the clock steps back or the lease time becomes shorter',
    needsClock: true,
    async run(subject) {
      const policy = slots(subject, { limit: 1 });
      const { nowMs } = await new Call(subject, policy).begin();
      await subject.setClock(nowMs - 3_600_000);
      const { retryAfterMs } = await new Call(subject, policy).begin();
      assert.equal(retryAfterMs, 60_000);
      const shorter = { ...policy, windowMs: 5_000 };
      assert.equal((await new Call(subject, shorter).begin()).retryAfterMs, 5_000);
      await subject.setClock(nowMs - 3_600_000 + 5_000);
      assert.equal((await new Call(subject, shorter).begin()).allowed, true);
    },
  },
];
