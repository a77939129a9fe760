import fc from 'fast-check';
import { counted, type CounterState } from '../../../../lib/algorithms/algorithm.js';
import { CounterSlots, NONE } from '../../../../lib/backends/memory/counter-slots.js';
import { testPolicy } from '../../../../lib/testing/test-policy.js';

const POLICIES = ['a', 'b', 'c'].map((id) => testPolicy({ id, algorithm: 'fixed-window', limit: 5, windowMs: 1_000 }));
const [POLICY] = POLICIES as [(typeof POLICIES)[number]];
const LARGEST = 2 ** 52;

const listed = (slots: CounterSlots): number[] => {
  const found: number[] = [];
  for (let slot = slots.oldest; slot !== NONE; slot = slots.newerThan(slot)) found.push(slot);
  return found;
};

it('keeps what was written, on every page, until it is written again', () => {
  const slots = new CounterSlots();
  const states = Array.from({ length: 5_000 }, (_, index) => counted(index, LARGEST - index, index * 3, index % 7));
  const taken = states.map((state, index) => slots.take(`key ${index}`, POLICIES[index % 3]!, state));
  expect(new Set(taken).size).toBe(5_000);
  taken.forEach((slot, index) => {
    expect(slots.read(slot)).toEqual({ slot, ...states[index] });
    expect([slots.keyOf(slot), slots.policyOf(slot)]).toEqual([`key ${index}`, POLICIES[index % 3]]);
  });
  expect(listed(slots)).toEqual(taken);
});

it('overwrites the counter that it is given', () => {
  const slots = new CounterSlots();
  const [one, other] = [counted(1, 2, 3, 4), counted(5, LARGEST, 7, 8)].map((state) => slots.take('k', POLICY, state));
  const counter = slots.read(one!);
  expect(slots.read(other!, counter)).toBe(counter);
  expect(counter).toEqual({ slot: other, windowMs: 5, at: LARGEST, used: 7, rest: 8, log: undefined });
});

it('forgets a log with its counter, and with a state that has none', () => {
  const slots = new CounterSlots();
  const logged = (log: number[]): CounterState => ({ ...counted(1, 2, 3, 4), log });
  const first = slots.take('first', POLICY, logged([1, 1]));
  const second = slots.take('second', POLICY, logged([2, 2]));
  expect([slots.read(first).log, slots.read(second).log]).toEqual([
    [1, 1],
    [2, 2],
  ]);
  slots.write(first, POLICY, counted(1, 2, 3, 4));
  expect([slots.read(first).log, slots.read(second).log]).toEqual([undefined, [2, 2]]);
  slots.release(second);
  expect(slots.take('third', POLICY, counted(1, 2, 3, 4))).toBe(second);
  expect(slots.read(second).log).toBeUndefined();
});

it('is a list in the order of use, with the last written state and policy of each, whatever is done to it', () => {
  const operation = fc.record({
    verb: fc.constantFrom('take', 'take', 'write', 'touch', 'release'),
    which: fc.nat(40),
    policy: fc.constantFrom(...POLICIES),
    used: fc.nat(1_000),
  });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
      const slots = new CounterSlots();
      let model: { slot: number; used: number; policy: object }[] = [];
      for (const { verb, which, policy, used } of operations) {
        if (verb === 'take') {
          model.push({ slot: slots.take('key', policy, counted(1, 2, used, 4)), used, policy });
          continue;
        }
        const one = model[which % Math.max(1, model.length)];
        if (one === undefined) continue;
        if (verb === 'write') {
          slots.write(one.slot, policy, counted(1, 2, used, 4));
          Object.assign(one, { used, policy });
        } else if (verb === 'touch') {
          slots.touch(one.slot);
          model = [...model.filter((other) => other !== one), one];
        } else {
          slots.release(one.slot);
          model = model.filter((other) => other !== one);
        }
      }
      expect(
        listed(slots).map((slot) => ({ slot, used: slots.read(slot).used, policy: slots.policyOf(slot) })),
      ).toEqual(model);
    }),
    { numRuns: 1_000 },
  );
});
