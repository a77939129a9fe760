import { compilePolicy } from '../../../lib/policies/compiled-policy.js';
import { ExactLimiter } from './exact-model.js';
import { PureLimiter } from './pure-limiter.js';

const NOW = Date.UTC(2026, 0, 1) + 4_711;

describe.each(['fixed-window', 'sliding-window', 'token-bucket'] as const)('%s', (algorithm) => {
  it.each(['10000000/30d', '10000000/31d', '9999999/30d', '12345678/30d', '250000000/366d', '1000000000/d'])(
    'counts %s exactly',
    (rate) => {
      const { policy } = compilePolicy('rate', { rate, algorithm }, () => 'x');
      const [pure, exact] = [new PureLimiter(), new ExactLimiter()];
      const steps = [0, 1, 1, 259, 260, 777_777, policy.windowMs / 3, 12_345, policy.windowMs, 1, 400_000, 86_400_001];
      let now = NOW;
      for (const [index, elapsed] of steps.entries()) {
        now += elapsed;
        for (const cost of [Math.floor(policy.limit * 0.37) + index, policy.limit - 7, 1, 0, 12_345]) {
          const status = pure.consume(policy, cost, now);
          expect(status).toMatchObject(exact.consume(policy, cost, now));
          if (status.allowed) continue;
          const due = now + (status.retryAfterMs ?? Number.NaN);
          expect(pure.copy().consume(policy, cost, due - 1).allowed).toBe(false);
          expect(pure.copy().consume(policy, cost, due).allowed).toBe(true);
        }
        pure.refund(policy, 1_234_567 % policy.limit, now);
        exact.refund(policy, 1_234_567 % policy.limit, now);
        expect(pure.peek(policy, now)).toMatchObject(exact.peek(policy, now));
      }
    },
  );

  it('keeps the debt of ten million a month when the limit or the window changes', () => {
    const policyOf = (rate: string) => compilePolicy('rate', { rate, algorithm }, () => 'x').policy;
    const [pure, exact] = [new PureLimiter(), new ExactLimiter()];
    for (const rate of ['10000000/30d', '20000000/30d', '10/30d', '10000000/30d', '5000000/1d', '10000000/31d']) {
      const policy = policyOf(rate);
      expect(pure.consume(policy, Math.floor(policy.limit / 3), NOW, true)).toMatchObject(
        exact.consume(policy, Math.floor(policy.limit / 3), NOW, true),
      );
      expect(pure.peek(policy, NOW + 1)).toMatchObject(exact.peek(policy, NOW + 1));
    }
  });
});
