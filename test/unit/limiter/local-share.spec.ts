import { LocalLimiter } from '../../../lib/limiter/local-limiter.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';

describe('a share of ten million a month, in mode local', () => {
  it.each([
    ['sliding-window', 1 / 3, 3_333_333],
    ['fixed-window', 1 / 3, 3_333_333],
    ['token-bucket', 1 / 3, 3_333_333],
    ['token-bucket', 0.7000001, 7_000_000],
    ['token-bucket', 0.5, 5_000_000],
  ] as const)('of a %s at %d is %d, which it counts exactly', (algorithm, share, limit) => {
    const policy = testPolicy({ algorithm, limit: 10_000_000, windowMs: 30 * 86_400_000 });
    const local = new LocalLimiter(share);
    const { policies } = local.peek({ charges: [{ key: 'a', policy, cost: 0 }], timeoutMs: 100 }, 1_000);
    expect(policies[0]).toMatchObject({ limit, remaining: limit, resetAfterMs: 0 });
  });
});
