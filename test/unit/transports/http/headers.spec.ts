import type { Decision, PolicyStatus } from 'nestjs-floodgate';
import { rateLimitHeaders, retryAfterHeader } from '../../../../lib/transports/http/headers.js';
import type { HeaderStyle } from '../../../../lib/rate-limit.options.js';
import { readList } from '../../../support/structured-list.js';

const status = (name: string, overrides: Partial<PolicyStatus> = {}): PolicyStatus => ({
  name,
  limit: 100,
  windowMs: 60_000,
  allowed: true,
  remaining: 99,
  resetAfterMs: 59_001,
  retryAfterMs: 0,
  mode: 'enforce',
  ...overrides,
});

const allowed = (...policies: PolicyStatus[]): Decision => ({
  kind: 'allowed',
  allowed: true,
  source: 'primary',
  backend: 'memory',
  policies,
});

const limited = (...policies: PolicyStatus[]): Decision => ({
  kind: 'limited',
  allowed: false,
  source: 'primary',
  backend: 'memory',
  retryAfterMs: null,
  policies,
});

const headersOf = (decision: Decision, style: HeaderStyle): Record<string, string> =>
  Object.fromEntries(rateLimitHeaders(decision, style));

const waiting = (name: string, retryAfterMs: number | null, overrides: Partial<PolicyStatus> = {}): PolicyStatus =>
  status(name, { allowed: false, remaining: 0, retryAfterMs, ...overrides });

describe('standard headers', () => {
  it('are lists of Structured Fields with a member for each policy', () => {
    const headers = headersOf(
      allowed(status('100/m'), status('burst-1.a_b:*', { limit: 5, windowMs: 250, remaining: 0, resetAfterMs: 0 })),
      'standard',
    );
    expect(Object.keys(headers)).toEqual(['RateLimit-Policy', 'RateLimit']);
    expect(readList(headers['RateLimit-Policy']!)).toEqual([
      { item: '100/m', parameters: { q: 100, w: 60 } },
      { item: 'burst-1.a_b:*', parameters: { q: 5, w: 1 } },
    ]);
    expect(readList(headers['RateLimit']!)).toEqual([
      { item: '100/m', parameters: { r: 99, t: 60 } },
      { item: 'burst-1.a_b:*', parameters: { r: 0, t: 0 } },
    ]);
  });

  it('hold integers of fifteen digits at most', () => {
    const headers = headersOf(
      allowed(status('many', { limit: Number.MAX_SAFE_INTEGER, remaining: Number.MAX_SAFE_INTEGER - 1 })),
      'standard',
    );
    expect(readList(headers['RateLimit-Policy']!)[0]!.parameters['q']).toBe(999_999_999_999_999);
    expect(readList(headers['RateLimit']!)[0]!.parameters['r']).toBe(999_999_999_999_999);
  });
});

describe('legacy headers', () => {
  it.each<[string, PolicyStatus[], [string, string, string]]>([
    ['the only policy', [status('a')], ['100', '99', '60']],
    [
      'the one with the least left',
      [status('a'), status('b', { limit: 5, remaining: 3, resetAfterMs: 1 })],
      ['5', '3', '1'],
    ],
    [
      'the one that takes longest to come back, of two with as much left',
      [status('a', { limit: 9, resetAfterMs: 1_000 }), status('b', { limit: 8, resetAfterMs: 2_000 })],
      ['8', '99', '2'],
    ],
  ])('tell of %s', (_what, policies, [limit, remaining, reset]) => {
    expect(headersOf(allowed(...policies), 'legacy')).toEqual({
      'X-RateLimit-Limit': limit,
      'X-RateLimit-Remaining': remaining,
      'X-RateLimit-Reset': reset,
    });
  });

  it('tell of a policy that refuses rather than of one that has less left', () => {
    const policies = [status('empty', { remaining: 0 }), waiting('dear', 5_000, { limit: 7, remaining: 2 })];
    expect(headersOf(limited(...policies), 'legacy')).toMatchObject({
      'X-RateLimit-Limit': '7',
      'X-RateLimit-Remaining': '2',
    });
  });
});

describe('headers', () => {
  it('are both where both are asked for, and none where none are', () => {
    expect(Object.keys(headersOf(allowed(status('a')), 'both'))).toEqual([
      'RateLimit-Policy',
      'RateLimit',
      'X-RateLimit-Limit',
      'X-RateLimit-Remaining',
      'X-RateLimit-Reset',
    ]);
    expect(headersOf(allowed(status('a')), false)).toEqual({});
  });

  it.each<HeaderStyle>(['standard', 'legacy', 'both', false])('never show a shadow policy (%s)', (style) => {
    const shadow = waiting('secret', 90_000, { mode: 'shadow', limit: 1 });
    expect(headersOf(allowed(shadow), style)).toEqual({});
    expect(headersOf(allowed(status('a'), shadow), style)).toEqual(headersOf(allowed(status('a')), style));
    expect(headersOf(limited(waiting('a', 5_000), shadow), style)).toEqual(
      headersOf(limited(waiting('a', 5_000)), style),
    );
  });

  it.each<HeaderStyle>(['standard', 'legacy', 'both', false])('are none for what is not enforced (%s)', (style) => {
    const decision: Decision = {
      kind: 'unenforced',
      allowed: true,
      source: 'none',
      backend: null,
      policies: [],
      reason: 'skipped',
    };
    expect(headersOf(decision, style)).toEqual({});
  });
});

describe('Retry-After', () => {
  it.each([
    [0, '1'],
    [1, '1'],
    [1_000, '1'],
    [1_001, '2'],
    [59_001, '60'],
  ])('of %p ms is %p', (milliseconds, seconds) => {
    expect(retryAfterHeader(milliseconds)).toEqual(['Retry-After', seconds]);
  });

  it.each<[string, PolicyStatus[], string]>([
    ['the longest wait of the policies that refuse', [waiting('a', 2_500), waiting('b', 9_100), status('c')], '10'],
    ['the window of a policy that never lets the call pass', [waiting('a', null), waiting('b', 2_000)], '60'],
    ['not that of a shadow policy', [waiting('a', 2_000), waiting('b', 9_000, { mode: 'shadow' })], '2'],
  ])('is %s', (_what, policies, seconds) => {
    for (const style of ['standard', 'legacy', 'both', false] as const) {
      const retries = rateLimitHeaders(limited(...policies), style).filter(([name]) => name === 'Retry-After');
      expect(retries).toEqual([['Retry-After', seconds]]);
    }
  });
});
