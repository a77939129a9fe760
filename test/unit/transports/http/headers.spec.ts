import type { Decision, PolicyStatus } from 'nestjs-floodgate';
import { DRAFT_REVISION, rateLimitHeaders, retryAfterHeader } from '../../../../lib/transports/http/headers.js';
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

const DAY = 86_400_000;

/** A call of several units, refused. */
const dear: Partial<PolicyStatus> = { allowed: false, remaining: 0, retryAfterMs: 50_000 };

describe('standard headers', () => {
  it('are lists of Structured Fields with a member for each policy', () => {
    const headers = headersOf(
      allowed(status('100/m'), status('burst-1.a_b:*', { limit: 5, windowMs: 250, remaining: 0, resetAfterMs: 200 })),
      'standard',
    );
    expect(Object.keys(headers)).toEqual(['RateLimit-Policy', 'RateLimit']);
    expect(readList(headers['RateLimit-Policy']!)).toEqual([
      { item: '100/m', parameters: { q: 100, w: 60 } },
      { item: 'burst-1.a_b:*', parameters: { q: 5, w: 1 } },
    ]);
    expect(readList(headers['RateLimit']!)).toEqual([
      { item: '100/m', parameters: { r: 99, t: 60 } },
      { item: 'burst-1.a_b:*', parameters: { r: 0, t: 1 } },
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

describe('t, the effective window', () => {
  it.each<[string, Partial<PolicyStatus>, number]>([
    ['the window of a full quota', { remaining: 100, resetAfterMs: 0, nextUnitAfterMs: 0 }, 60],
    ['the window of a limit of 0', { limit: 0, remaining: 0, resetAfterMs: 0, nextUnitAfterMs: 0 }, 60],
    ['the wait for the next unit when nothing is left', { remaining: 0, nextUnitAfterMs: 7_001 }, 8],
    ['the wait for the next unit, not for that of a dear call', { ...dear, nextUnitAfterMs: 1_000 }, 1],
    ['no longer than a refused call has to wait', { ...dear, retryAfterMs: 900, nextUnitAfterMs: 5_000 }, 1],
    ['the wait for one unit more, where that is longer', { remaining: 10, nextUnitAfterMs: 30_000 }, 30],
    ['what the policy takes to grant r, where that is longer', { remaining: 99, nextUnitAfterMs: 600 }, 60],
    ['longer than the window for a bucket with a burst', { remaining: 150, nextUnitAfterMs: 600 }, 90],
    ['the time of reset, where a backend tells no more', { remaining: 0, resetAfterMs: 12_000 }, 12],
    ['that of Retry-After, where a backend tells no more', { ...dear, resetAfterMs: 90_000, retryAfterMs: 5_000 }, 5],
  ])('is %s', (_what, overrides, seconds) => {
    const headers = headersOf(allowed(status('a', overrides)), 'standard');
    expect(readList(headers['RateLimit']!)[0]!.parameters['t']).toBe(seconds);
  });
});

describe('units', () => {
  it('are named where they are no requests', () => {
    const policies = [status('model', { unit: 'tokens' }), status('calls')];
    expect(readList(headersOf(allowed(...policies), 'standard')['RateLimit-Policy']!)).toEqual([
      { item: 'model', parameters: { q: 100, qu: 'tokens', w: 60 } },
      { item: 'calls', parameters: { q: 100, w: 60 } },
    ]);
  });

  it('of calls in flight have no window', () => {
    const policies = [status('slots', { unit: 'concurrent-requests' })];
    expect(headersOf(allowed(...policies), 'standard')['RateLimit-Policy']).toBe(
      '"slots";q=100;qu="concurrent-requests"',
    );
  });
});

describe('the examples of the draft', () => {
  it.each<[string, PolicyStatus[]]>([
    ['"burst";q=100;w=60, "daily";q=1000;w=86400', [status('burst'), status('daily', { limit: 1_000, windowMs: DAY })]],
    ['"default";q=100;w=10', [status('default', { windowMs: 10_000 })]],
    [
      '"permin";q=50;w=60, "perhr";q=1000;w=3600',
      [status('permin', { limit: 50 }), status('perhr', { limit: 1_000, windowMs: 3_600_000 })],
    ],
    [
      '"peruser";q=65535;qu="content-bytes";w=10',
      [status('peruser', { limit: 65_535, windowMs: 10_000, unit: 'content-bytes' })],
    ],
  ])('of RateLimit-Policy: %s', (field, policies) => {
    const ours = headersOf(allowed(...policies), 'standard')['RateLimit-Policy']!;
    expect(readList(ours)).toEqual(readList(field));
    expect(ours).toBe(field);
  });

  it.each<[string, PolicyStatus]>([
    ['"default";r=50;t=30', status('default', { remaining: 50, nextUnitAfterMs: 600 })],
    ['"problemPolicy";r=0;t=10', waiting('problemPolicy', 10_000, { nextUnitAfterMs: 10_000 })],
    ['"default";r=1;t=7', status('default', { remaining: 1, nextUnitAfterMs: 7_000 })],
    ['"daily";r=1;t=36400', status('daily', { remaining: 1, windowMs: DAY, nextUnitAfterMs: 36_400_000 })],
    ['"default";r=0;t=48', status('default', { remaining: 0, nextUnitAfterMs: 47_500 })],
    ['"fixedwindow";r=99;t=60', status('fixedwindow', { nextUnitAfterMs: 50_000 })],
  ])('of RateLimit: %s', (field, policy) => {
    const ours = headersOf(allowed(policy), 'standard')['RateLimit']!;
    expect(readList(ours)).toEqual(readList(field));
    expect(ours).toBe(field);
  });

  it('are of the revision that the headers follow', () => expect(DRAFT_REVISION).toBe(11));
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
    ['that of t, where that is later', [waiting('a', null, { nextUnitAfterMs: 90_000 })], '90'],
    ['not that of a shadow policy', [waiting('a', 2_000), waiting('b', 9_000, { mode: 'shadow' })], '2'],
  ])('is %s', (_what, policies, seconds) => {
    for (const style of ['standard', 'legacy', 'both', false] as const) {
      const retries = rateLimitHeaders(limited(...policies), style).filter(([name]) => name === 'Retry-After');
      expect(retries).toEqual([['Retry-After', seconds]]);
    }
  });
});
