import { readReply } from '../../../lib/redis/reply.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';

const policy = testPolicy({ name: 'login', algorithm: 'fixed-window', limit: 5, windowMs: 60_000 });
const shadow = testPolicy({ name: 'watch', algorithm: 'token-bucket', limit: 2, windowMs: 1_000, mode: 'shadow' });
const charges = [policy, shadow].map((one) => ({ key: 'k', policy: one, cost: 1 }));

const expected = {
  allowed: false,
  nowMs: 1_795_255_261_681,
  policies: [
    {
      name: 'login',
      limit: 5,
      windowMs: 60_000,
      allowed: false,
      remaining: 0,
      resetAfterMs: 40,
      retryAfterMs: 40,
      mode: 'enforce',
    },
    {
      name: 'watch',
      limit: 2,
      windowMs: 1_000,
      allowed: false,
      remaining: 1,
      resetAfterMs: 500,
      retryAfterMs: null,
      mode: 'shadow',
    },
  ],
};
const numbers = [1_795_255_261_681, 0, 40, 40, 1, 500, -1];

describe('readReply', () => {
  it('makes a status of each three numbers', () => {
    expect(readReply(numbers, charges)).toEqual(expected);
  });

  it('allows a call that every enforced policy allows', () => {
    const [now, ...rest] = numbers;
    const reply = readReply([now, 4, 40, 0, ...rest.slice(3)], charges);
    expect(reply.allowed).toBe(true);
    expect(reply.policies).toMatchObject([{ allowed: true, retryAfterMs: 0 }, { allowed: false }]);
  });

  it('reads the strings of a client that gives numbers as strings', () => {
    expect(readReply(numbers.map(String), charges)).toEqual(expected);
  });

  it.each([
    ['nothing', null],
    ['a word', 'OK'],
    ['too few', numbers.slice(1)],
    ['too many', [...numbers, 0]],
    ['a fraction', [...numbers.slice(0, -1), 0.5]],
    ['a number beyond what is exact', [...numbers.slice(0, -1), 2 ** 53]],
    ['a hole', [...numbers.slice(0, -1), null]],
    ['an empty string', [...numbers.slice(0, -1), '']],
    ['words', numbers.map(() => 'x')],
    ['a nested list', numbers.map((number) => [number])],
  ])('refuses %s as a bug', (_what, raw) => {
    expect(() => readReply(raw, charges)).toThrow(TypeError);
    expect(() => readReply(raw, charges)).toThrow('The limiter script replied');
  });
});
