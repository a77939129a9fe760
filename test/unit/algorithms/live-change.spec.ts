import { COUNTING_ALGORITHMS } from '../../../lib/contracts/policy.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { PureLimiter } from './pure-limiter.js';

const START = 1_700_000_040_000;

describe.each(COUNTING_ALGORITHMS)('a live change of a %s policy', (algorithm) => {
  const policy = testPolicy({ algorithm, limit: 10, windowMs: 60_000 });

  it('counts past time at the rate that held then', () => {
    const limiter = new PureLimiter();
    limiter.consume(policy, 10, START);
    const raised = testPolicy({ algorithm, limit: 100, windowMs: 60_000 });
    expect(limiter.peek(raised, START + 30_000).remaining).toBeLessThanOrEqual(95);
    const faster = testPolicy({ algorithm, limit: 10, windowMs: 1000 });
    if (algorithm !== 'sliding-log' && algorithm !== 'strict-window')
      expect(limiter.peek(faster, START + 18_000).remaining).toBeLessThanOrEqual(3);
  });

  it.each([1000, 7000, 59_000, 61_000, 3_600_000])('to a window of %s ms tells the exact retryAfter', (windowMs) => {
    const limiter = new PureLimiter();
    limiter.consume(policy, 10, START + 1234);
    const changed = testPolicy({ algorithm, limit: 10, windowMs });
    const now = START + 2000;
    const { allowed, retryAfterMs } = limiter.consume(changed, 10, now);
    expect(allowed).toBe(false);
    expect(limiter.consume(changed, 10, now + (retryAfterMs as number) - 1).allowed).toBe(false);
    expect(limiter.consume(changed, 10, now + (retryAfterMs as number)).allowed).toBe(true);
  });

  it('to a limit of 0 and back forgets nothing', () => {
    const limiter = new PureLimiter();
    limiter.consume(policy, 10, START);
    const shut = testPolicy({ algorithm, limit: 0, windowMs: 60_000 });
    expect(limiter.consume(shut, 1, START + 1)).toMatchObject({ allowed: false, retryAfterMs: null, remaining: 0 });
    limiter.refund(shut, 10, START + 1);
    expect(limiter.consume(policy, 1, START + 2).allowed).toBe(false);
  });
});
