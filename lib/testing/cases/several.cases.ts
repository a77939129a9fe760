import { strict as assert } from 'node:assert';
import type { Charge } from '../../contracts/backend.js';
import type { CaseDefinition } from '../conformance.case.js';
import { assertReply } from '../reply.assertion.js';
import { type Subject, TIMEOUT_MS } from '../subject.js';

const charge = (subject: Subject, limit: number, given: Partial<Charge> = {}): Charge => ({
  policy: subject.policy({ limit }),
  key: subject.key,
  cost: 1,
  ...given,
});

const left = async (subject: Subject, charges: readonly Charge[]): Promise<number[]> => {
  const remaining: number[] = [];
  for (const { policy, key } of charges) remaining.push((await subject.peek(policy, key)).remaining);
  return remaining;
};

/** Several policies, and several keys, in one decision. */
export const severalCases: readonly CaseDefinition[] = [
  {
    name: 'charges every policy of a call',
    async run(subject) {
      const charges = [charge(subject, 5), charge(subject, 9, { cost: 3 })];
      const reply = await subject.consumeAll(charges);
      assert.deepEqual([reply.allowed, reply.policies.map(({ remaining }) => remaining)], [true, [4, 6]]);
      assert.deepEqual(await left(subject, charges), [4, 6]);
    },
  },
  ...[0, 1, 2].map((refusing) => ({
    name: `charges none if policy ${refusing + 1} of 3 refuses`,
    async run(subject: Subject): Promise<void> {
      const charges = [7, 8, 9].map((limit, index) => charge(subject, index === refusing ? 1 : limit));
      assert.equal((await subject.consumeAll(charges)).allowed, true);
      const before = await left(subject, charges);
      const reply = await subject.consumeAll(charges);
      assert.equal(reply.allowed, false);
      reply.policies.forEach((status, index) => {
        assert.equal(status.allowed, index !== refusing, 'each policy gives its own verdict');
        assert.equal(status.retryAfterMs === 0, index !== refusing);
        assert.equal(status.remaining, before[index]);
      });
      assert.deepEqual(await left(subject, charges), before);
    },
  })),
  {
    name: 'charges all or none over several keys',
    async run(subject) {
      const policy = subject.policy({ limit: 2 });
      const [mine, theirs] = [`${subject.key}-mine`, `${subject.key}-theirs`].map((key) => ({ policy, key, cost: 1 }));
      assert.ok(mine && theirs);
      await subject.consumeAll([theirs]);
      assert.equal((await subject.consumeAll([mine, theirs])).allowed, true);
      const refused = await subject.consumeAll([mine, theirs]);
      assert.equal(refused.allowed, false);
      assert.deepEqual(
        refused.policies.map(({ allowed }) => allowed),
        [true, false],
      );
      assert.deepEqual(await left(subject, [mine, theirs]), [1, 0]);
    },
  },
  {
    name: 'counts policies of one name, and ids that begin alike, apart',
    async run(subject) {
      const { id } = subject.policy();
      const policies = ['', '0', '00', '#', ':'].map((ending) => subject.policy({ id: `${id}${ending}`, limit: 1 }));
      for (const policy of policies) assert.equal((await subject.consume(policy)).allowed, true);
      for (const policy of policies) assert.equal((await subject.consume(policy)).allowed, false);
    },
  },
  {
    name: 'shares a count between policies of one id',
    async run(subject) {
      const policy = subject.policy({ limit: 2 });
      await subject.consume(policy);
      assert.equal((await subject.consume({ ...policy, name: 'another' })).remaining, 0);
    },
  },
  {
    name: 'decides on every algorithm that counts in one call, in the order asked',
    async run(subject) {
      const counting = subject.algorithms.filter((algorithm) => algorithm !== 'concurrency');
      const charges = counting.map((algorithm, index) => ({
        policy: subject.policy({ algorithm, limit: 10 + index, name: `policy-${index}` }),
        key: subject.key,
        cost: 1 + index,
      }));
      for (const ordered of [charges, [...charges].reverse()]) {
        const { policies } = await subject.consumeAll(ordered);
        assert.deepEqual(
          policies.map(({ name }) => name),
          ordered.map(({ policy }) => policy.name),
        );
      }
      assert.deepEqual(
        await left(subject, charges),
        charges.map((_, index) => 8 - index),
      );
    },
  },
  {
    name: 'peeks at every policy and key of a call, in the order asked',
    async run(subject) {
      const policies = [subject.policy({ limit: 5 }), subject.policy({ limit: 9, mode: 'shadow' })];
      const charges = policies.flatMap((policy, index) =>
        ['mine', 'theirs'].map((owner, other) => ({
          policy,
          key: `${subject.key}-${owner}`,
          cost: 1 + 2 * index + other,
        })),
      );
      await subject.consumeAll(charges);
      for (const [ordered, expected] of [
        [charges, [4, 3, 6, 5]],
        [[...charges].reverse(), [5, 6, 3, 4]],
      ] as const) {
        const reply = await subject.backend.peek({ charges: ordered, timeoutMs: TIMEOUT_MS });
        assertReply(reply, ordered);
        assert.deepEqual([reply.allowed, reply.policies.map(({ remaining }) => remaining)], [true, expected]);
      }
    },
  },
  {
    name: 'resets every policy and key of a call',
    async run(subject) {
      const charges = [subject.policy(), subject.policy()].flatMap((policy) =>
        ['mine', 'theirs'].map((owner) => ({ policy, key: `${subject.key}-${owner}`, cost: 3 })),
      );
      await subject.consumeAll(charges);
      await subject.backend.reset({ charges: charges.slice(1), timeoutMs: TIMEOUT_MS });
      assert.deepEqual(await left(subject, charges), [2, 5, 5, 5]);
    },
  },
  {
    name: 'decides on a dozen policies in one call',
    async run(subject) {
      const charges = Array.from({ length: 12 }, (_, index) => charge(subject, 3 + index));
      await subject.consumeAll(charges);
      await subject.consumeAll(charges);
      await subject.consumeAll(charges);
      assert.equal((await subject.consumeAll(charges)).allowed, false);
      assert.deepEqual(
        await left(subject, charges),
        charges.map((_, index) => index),
      );
    },
  },
  {
    name: 'refuses what one policy refuses though another costs nothing',
    async run(subject) {
      const [free, dear] = [charge(subject, 5, { cost: 0 }), charge(subject, 5, { cost: 6 })];
      const reply = await subject.consumeAll([free, dear]);
      assert.equal(reply.allowed, false);
      assert.deepEqual(
        reply.policies.map(({ retryAfterMs }) => retryAfterMs),
        [0, null],
      );
      assert.deepEqual(await left(subject, [free, dear]), [5, 5]);
    },
  },
  {
    name: 'blocks only the policy that refused',
    async run(subject) {
      const policies = [subject.policy({ limit: 1, blockForMs: 60_000 }), subject.policy({ blockForMs: 60_000 })];
      const charges = policies.map((policy) => ({ policy, key: subject.key, cost: 1 }));
      await subject.consumeAll(charges);
      const refused = await subject.consumeAll(charges);
      assert.deepEqual(
        refused.policies.map(({ retryAfterMs }) => retryAfterMs),
        [60_000, 0],
      );
      assert.deepEqual(await left(subject, charges), [0, 4]);
    },
  },
  {
    name: 'charges none while one policy is blocked',
    async run(subject) {
      const charges = [
        charge(subject, 5),
        charge(subject, 1, { policy: subject.policy({ limit: 1, blockForMs: 60_000 }) }),
      ];
      await subject.consumeAll(charges);
      await subject.consumeAll(charges);
      const reply = await subject.consumeAll(charges);
      assert.deepEqual([reply.allowed, reply.policies.map(({ allowed }) => allowed)], [false, [true, false]]);
      assert.deepEqual(await left(subject, charges), [4, 0]);
    },
  },
  {
    name: 'overdraws every policy of a call',
    async run(subject) {
      const charges = [charge(subject, 1, { cost: 3 }), charge(subject, 5, { cost: 3 })];
      const reply = await subject.consumeAll(charges, true);
      assert.deepEqual([reply.allowed, reply.policies.map(({ allowed }) => allowed)], [true, [true, true]]);
      assert.deepEqual(await left(subject, charges), [0, 2]);
    },
  },
];
