import { readReply } from '../../../../lib/backends/redis/reply.js';
import { testPolicy } from '../../../../lib/testing/test-policy.js';

const policy = testPolicy({ name: 'login', algorithm: 'fixed-window', limit: 5, windowMs: 60_000 });
const shadow = testPolicy({ name: 'watch', algorithm: 'token-bucket', limit: 2, windowMs: 1_000, mode: 'shadow' });
const charges = [policy, shadow].map((one) => ({ key: 'k', policy: one, cost: 1 }));

const NOW_MS = 1_795_255_261_681;
const numbers = [NOW_MS, 0, 40, 40, 40, NOW_MS, 1, 500, -1, 250];

/** As the script sends them. */
function bytes(...doubles: number[]): Buffer {
  const buffer = Buffer.alloc(8 * doubles.length);
  doubles.forEach((double, index) => buffer.writeDoubleBE(double, 8 * index));
  return buffer;
}

describe('readReply', () => {
  it('makes a status of each five numbers', () => {
    expect(readReply(bytes(...numbers), charges)).toEqual({
      allowed: false,
      nowMs: NOW_MS,
      policies: [
        {
          name: 'login',
          limit: 5,
          windowMs: 60_000,
          allowed: false,
          remaining: 0,
          resetAfterMs: 40,
          retryAfterMs: 40,
          nextUnitAfterMs: 40,
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
          nextUnitAfterMs: 250,
          mode: 'shadow',
        },
      ],
    });
  });

  it('allows a call that every enforced policy allows', () => {
    const reply = readReply(bytes(NOW_MS, 4, 40, 0, 40, ...numbers.slice(5)), charges);
    expect(reply.allowed).toBe(true);
    expect(reply.policies).toMatchObject([{ allowed: true, retryAfterMs: 0 }, { allowed: false }]);
  });

  it.each([
    ['nothing', null],
    ['a word', 'OK'],
    ['a number', 1],
    ['numbers in a list', numbers],
    ['text of the right length', 'x'.repeat(80)],
    ['too little', bytes(...numbers.slice(1))],
    ['too much', bytes(...numbers, 0)],
    ['a fraction', bytes(...numbers.slice(0, -1), 0.5)],
    ['a number beyond what is exact', bytes(...numbers.slice(0, -1), 2 ** 53)],
    ['what is no number', bytes(...numbers.slice(0, -1), Number.NaN)],
    ['a time that is none', bytes(Infinity, ...numbers.slice(1))],
  ])('refuses %s as a bug', (_what, raw) => {
    expect(() => readReply(raw, charges)).toThrow(TypeError);
    expect(() => readReply(raw, charges)).toThrow('The limiter script replied');
  });
});
