import { PolicyNumbers } from '../../../../lib/backends/memory/policy-numbers.js';
import { testPolicy } from '../../../../lib/testing/test-policy.js';

const policy = (id: string) => testPolicy({ id, algorithm: 'fixed-window', limit: 5, windowMs: 1_000 });
const [A, B] = [policy('a'), policy('b')];

it('gives each policy one number, and finds it by that', () => {
  const numbers = new PolicyNumbers();
  const [first, second, again] = [numbers.take(A), numbers.take(B), numbers.take(A)];
  expect([first === second, first === again]).toEqual([false, true]);
  expect([numbers.at(first), numbers.at(second)]).toEqual([A, B]);
});

it('tells policies with equal options apart', () => {
  const numbers = new PolicyNumbers();
  const twin = { ...A };
  expect(numbers.at(numbers.take(A))).toBe(A);
  expect(numbers.at(numbers.take(twin))).toBe(twin);
});

it('keeps a number while a counter has it, and gives it to another policy after the last one', () => {
  const numbers = new PolicyNumbers();
  const first = numbers.take(A);
  numbers.take(A);
  numbers.release(first);
  expect(numbers.take(B)).not.toBe(first);
  expect(numbers.at(first)).toBe(A);
  numbers.release(first);
  const next = numbers.take(policy('c'));
  expect(next).toBe(first);
  expect(numbers.take(A)).not.toBe(first);
});
