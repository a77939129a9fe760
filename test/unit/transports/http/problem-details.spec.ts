import { type LimitedDecision, type PolicyStatus, RateLimitExceededException } from 'nestjs-floodgate';
import { tooManyRequests } from '../../../../lib/transports/http/problem-details.js';

const status = (name: string, allowed: boolean, mode: PolicyStatus['mode'] = 'enforce'): PolicyStatus => ({
  name,
  limit: 1,
  windowMs: 1_000,
  allowed,
  remaining: 0,
  resetAfterMs: 1,
  retryAfterMs: allowed ? 0 : 1,
  mode,
});

describe('the problem of a quota that is exceeded', () => {
  it('names the policies that refuse, and no others', () => {
    const decision: LimitedDecision = {
      kind: 'limited',
      allowed: false,
      source: 'primary',
      backend: 'memory',
      retryAfterMs: 1,
      policies: [
        status('passes', true),
        status('first', false),
        status('watched', false, 'shadow'),
        status('second', false),
      ],
    };
    expect(tooManyRequests(new RateLimitExceededException(decision, 'Slow down'))).toMatchObject({
      status: 429,
      detail: 'Slow down',
      'violated-policies': ['first', 'second'],
    });
  });

  it.each([
    [false, 'quota-exceeded'],
    [true, 'abnormal-usage-detected'],
  ])('has its type (blocked: %p): %s', (blocked, type) => {
    const decision: LimitedDecision = {
      kind: 'limited',
      allowed: false,
      source: 'primary',
      backend: 'memory',
      retryAfterMs: 1,
      policies: [status('only', false)],
    };
    expect(tooManyRequests(new RateLimitExceededException(decision, undefined, blocked))).toMatchObject({
      type: `https://iana.org/assignments/http-problem-types#${type}`,
      detail: 'Too Many Requests',
      'violated-policies': ['only'],
    });
  });
});
