import { COUNTING_ALGORITHMS } from '../../../lib/contracts/policy.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { PureLimiter } from './pure-limiter.js';

const START = 1_700_000_000_000;

describe.each(COUNTING_ALGORITHMS)('a clock that steps back, under %s,', (algorithm) => {
  const policy = testPolicy({ algorithm, limit: 100, windowMs: 1000 });

  it('mints nothing when it crosses a border back and forth', () => {
    const limiter = new PureLimiter();
    limiter.consume(policy, 100, START + 1);
    expect(limiter.consume(policy, 1, START - 1).allowed).toBe(false);
    expect(limiter.consume(policy, 1, START + 1).allowed).toBe(false);
    expect(limiter.peek(policy, START + 1).remaining).toBe(0);
  });

  it('holds a key for two windows at most, however far it stepped', () => {
    const limiter = new PureLimiter();
    limiter.consume(policy, 100, START + 3_600_000);
    const { allowed, retryAfterMs } = limiter.consume(policy, 100, START);
    expect(allowed).toBe(false);
    expect(retryAfterMs).toBeLessThanOrEqual(3000);
    expect(limiter.consume(policy, 100, START + (retryAfterMs as number) - 1).allowed).toBe(false);
    expect(limiter.consume(policy, 100, START + (retryAfterMs as number)).allowed).toBe(true);
  });

  it('mints nothing a moment after it stepped back far', () => {
    const limiter = new PureLimiter();
    limiter.consume(policy, 100, START + 3_600_000);
    limiter.consume(policy, 1, START - 1);
    expect(limiter.peek(policy, START).remaining).toBeLessThanOrEqual(1);
  });
});
