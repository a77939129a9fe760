import { counted, type CounterState } from '../../../lib/algorithms/algorithm.js';
import { RefusalCache } from '../../../lib/backends/refusal-cache.js';
import type { Charge, Reply } from '../../../lib/contracts/backend.js';
import { RateLimitConfigurationError } from '../../../lib/contracts/errors.js';
import type { Policy } from '../../../lib/contracts/policy.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';

const policy = testPolicy({ algorithm: 'sliding-window', limit: 10, windowMs: 60_000 });
const other = testPolicy({ name: 'other', algorithm: 'sliding-window', limit: 10, windowMs: 60_000 });

const WEEK = 7 * 86_400_000;

let nowMs = 1_000;
let cache: RefusalCache;
beforeEach(() => {
  nowMs = 1_000;
  cache = new RefusalCache(3, () => nowMs);
});

const of = (...charges: readonly Charge[]) => ({ charges, timeoutMs: 250 });
const call = (key: string, cost = 1, by: Policy = policy) => of({ key, policy: by, cost });

function refused(
  charges: readonly Charge[],
  retries: readonly (number | null)[],
  nextUnitAfterMs = 500,
  remaining = 0,
): Reply {
  return {
    allowed: false,
    nowMs: 7_000_000,
    policies: charges.map(({ policy: { name, limit, windowMs, mode } }, index) => ({
      name,
      limit,
      windowMs,
      mode,
      allowed: retries[index] === 0,
      remaining: retries[index] === 0 ? 3 : remaining,
      resetAfterMs: 60_000,
      retryAfterMs: retries[index] ?? null,
      nextUnitAfterMs,
    })),
  };
}

type Request = ReturnType<typeof of>;
type States = readonly (CounterState | undefined)[];

/** What is not told of a counter is that of a log. */
function keep(request: Request, retries: readonly (number | null)[], nextUnitAfterMs?: number, states?: States): void {
  const reply = refused(request.charges, retries, nextUnitAfterMs);
  cache.keep(request, { reply, states: states ?? request.charges.map(() => undefined), sentMs: cache.now() });
}

it('answers until the millisecond before the retry time, as of now', () => {
  keep(call('k'), [500]);
  expect(cache.find(call('k'))).toMatchObject({ source: 'cache', policies: [{ retryAfterMs: 500 }] });
  nowMs += 100.7;
  expect(cache.find(call('k'))).toEqual({
    ...refused(call('k').charges, [500]),
    source: 'cache',
    nowMs: 7_000_100,
    policies: [
      expect.objectContaining({
        allowed: false,
        remaining: 0,
        retryAfterMs: 400,
        resetAfterMs: 59_900,
        nextUnitAfterMs: 400,
      }),
    ],
  });
  nowMs = 1_498.9;
  expect(cache.find(call('k'))).toMatchObject({ policies: [{ retryAfterMs: 2 }] });
  nowMs = 1_499;
  expect(cache.find(call('k'))).toBeUndefined();
});

it('answers each key by its own refusal, in one millisecond too', () => {
  keep(call('k'), [300]);
  keep(call('other'), [500]);
  const retries = ['k', 'other', 'other', 'k'].map((key) => cache.find(call(key))?.policies[0]?.retryAfterMs);
  expect(retries).toEqual([300, 500, 500, 300]);
});

describe('of a policy whose counter the store tells', () => {
  const fixed = testPolicy({ algorithm: 'fixed-window', limit: 10, windowMs: 60_000 });
  const bucket = testPolicy({ algorithm: 'token-bucket', limit: 10, windowMs: 1_000 });

  it('answers calls of its cost or more, each as of now', () => {
    // Full but for two tokens; one comes back each 100 ms.
    const { charges } = call('k', 3, bucket);
    const states = [counted(1_000, 7_000_000, 8_000, 10)];
    cache.keep(call('k', 3, bucket), { reply: refused(charges, [100], 100, 2), states, sentMs: nowMs });
    nowMs += 10;
    expect(cache.find(call('k', 2, bucket))).toBeUndefined();
    expect(cache.find(call('k', 0, bucket))).toBeUndefined();
    expect(cache.find(call('k', 3, bucket))?.policies).toEqual([
      expect.objectContaining({ remaining: 2, retryAfterMs: 90 }),
    ]);
    expect(cache.find(call('k', 5, bucket))?.policies).toEqual([
      expect.objectContaining({ remaining: 2, retryAfterMs: 290 }),
    ]);
    expect(cache.find(call('k', 11, bucket))?.policies).toEqual([
      expect.objectContaining({ remaining: 2, retryAfterMs: null }),
    ]);
  });

  it('tells when more units are left before they suffice', () => {
    keep(call('k', 5, bucket), [300], 100, [counted(1_000, 7_000_000, 8_000, 10)]);
    nowMs += 150;
    expect(cache.find(call('k', 5, bucket))?.policies).toEqual([
      expect.objectContaining({ remaining: 3, retryAfterMs: 150, nextUnitAfterMs: 50 }),
    ]);
  });

  it('answers for as long as one of several refuses, and charges none of them', () => {
    const both = of({ key: 'k', policy: { ...bucket, id: 'b' }, cost: 1 }, { key: 'k', policy: fixed, cost: 1 });
    const states = [counted(1_000, 7_000_000, 9_500, 10), counted(60_000, 7_020_000, 10, 0)];
    keep(both, [50, 20_000], 50, states);
    nowMs += 1_000;
    expect(cache.find(both)?.policies).toEqual([
      expect.objectContaining({ allowed: true, remaining: 10 }),
      expect.objectContaining({ allowed: false, remaining: 0, retryAfterMs: 19_000 }),
    ]);
  });

  it('answers for a block no longer than it lasts', () => {
    const blocking = { ...bucket, id: 'b', blockForMs: 500 };
    const both = of({ key: 'k', policy: blocking, cost: 1 }, { key: 'k', policy: fixed, cost: 1 });
    keep(both, [500, 20_000], 500, [counted(0, 7_000_500, 0, 0), counted(60_000, 7_020_000, 10, 0)]);
    nowMs += 498;
    expect(cache.find(both)?.policies).toMatchObject([{ retryAfterMs: 2 }, { retryAfterMs: 19_502 }]);
    nowMs += 1;
    expect(cache.find(both)).toBeUndefined();
  });
});

it('answers calls of the very cost by a log', () => {
  keep(call('k', 3), [500]);
  expect([2, 3, 4].map((cost) => cache.find(call('k', cost)) !== undefined)).toEqual([false, true, false]);
});

it('asks again when a refused policy has a unit more to tell of', () => {
  keep(call('k', 3), [500], 100);
  nowMs += 98;
  expect(cache.find(call('k', 3))).toBeDefined();
  nowMs += 1;
  expect(cache.find(call('k', 3))).toBeUndefined();
});

it('answers the same policies for the same keys only, and tells of others what is last known', () => {
  const both = of({ key: 'k', policy, cost: 1 }, { key: 'k', policy: other, cost: 1 });
  keep(both, [500, 0]);
  nowMs += 100;
  expect(cache.find(both)).toMatchObject({
    policies: [
      { allowed: false, retryAfterMs: 400 },
      { allowed: true, remaining: 3, resetAfterMs: 60_000 },
    ],
  });
  expect(cache.find(call('k'))).toBeUndefined();
  expect(cache.find(call('k', 1, other))).toBeUndefined();
});

it.each<[string, Policy, Policy]>([
  ['a shadow policy', policy, { ...other, mode: 'shadow' }],
  ['a slot', policy, testPolicy({ name: 'slots', algorithm: 'concurrency', limit: 10, windowMs: 60_000 })],
  ['another policy that may block', policy, { ...other, blockForMs: 60_000 }],
])('keeps no refusal of a call with %s', (_what, refusing, second) => {
  const both = of({ key: 'k', policy: refusing, cost: 1 }, { key: 'k', policy: second, cost: 1 });
  keep(both, [500, 0]);
  expect(cache.find(both)).toBeUndefined();
});

it('answers what can never pass for a window', () => {
  keep(call('k', 11), [null], 0, [counted(60_000, 116, 3, 0)]);
  nowMs += 59_998;
  expect(cache.find(call('k', 11))).toMatchObject({ policies: [{ retryAfterMs: null }] });
  nowMs += 1;
  expect(cache.find(call('k', 11))).toBeUndefined();
});

it('forgets a refusal when a cheaper call was charged, and answers no overdraft', () => {
  keep(call('k'), [500]);
  expect(cache.find({ ...call('k'), overdraw: true })).toBeUndefined();
  cache.charged(call('k', 0));
  expect(cache.find(call('k'))).toBeDefined();
  cache.charged(call('k', 1));
  expect(cache.find(call('k'))).toBeUndefined();
});

it('neither keeps nor answers calls that are charged by outcome: what is reserved may come back at any moment', () => {
  keep({ ...call('k'), isProvisional: true } as Request, [500]);
  expect(cache.size).toBe(0);
  keep(call('k'), [500]);
  expect(cache.find({ ...call('k'), isProvisional: true })).toBeUndefined();
  expect(cache.find(call('k'))).toBeDefined();
});

it('forgets what a reset or a refund may have changed, and what was under way meanwhile', () => {
  keep(call('k'), [500]);
  const sentMs = cache.now();
  nowMs += 1;
  cache.drop(call('k'));
  expect(cache.find(call('k'))).toBeUndefined();
  nowMs += 1;
  cache.keep(call('k'), { reply: refused(call('k').charges, [500]), states: [undefined], sentMs });
  expect(cache.find(call('k'))).toBeUndefined();
  keep(call('k'), [500]);
  expect(cache.find(call('k'))).toBeDefined();
});

it('remembers what was under way when more keys are reset than it can count', () => {
  const sentMs = cache.now();
  nowMs += 1;
  for (const key of ['a', 'b', 'c', 'd']) cache.drop(call(key));
  cache.keep(call('a'), { reply: refused(call('a').charges, [500]), states: [undefined], sentMs });
  expect(cache.find(call('a'))).toBeUndefined();
});

it('drops a refusal of several subjects with each of them', () => {
  const both = of({ key: 'user', policy, cost: 1 }, { key: 'tenant', policy, cost: 1 });
  keep(both, [500, 0]);
  expect(cache.find(both)).toBeDefined();
  cache.drop(call('tenant'));
  expect(cache.find(both)).toBeUndefined();
});

it('holds for the quota that refused: a raised limit is asked for, and the old one anew', () => {
  keep(call('k'), [500]);
  expect(cache.find(call('k', 1, { ...policy }))).toBeDefined();
  expect(cache.find(call('k', 1, { ...policy, limit: 20, burst: 20 }))).toBeUndefined();
  expect(cache.find(call('k'))).toBeUndefined();
});

it('holds so many keys, and lets the least recently used go first', () => {
  for (const key of ['a', 'b', 'c']) keep(call(key), [500]);
  for (const key of ['c', 'a']) cache.find(call(key));
  keep(call('d'), [500]);
  expect(cache.size).toBe(3);
  keep(call('e'), [500]);
  expect(['a', 'b', 'c', 'd', 'e'].filter((key) => cache.find(call(key)) !== undefined)).toEqual(['a', 'd', 'e']);
});

it('of many keys, lets those go first that nobody used', () => {
  const wide = new RefusalCache(100, () => nowMs);
  const keepIn = (key: string): void =>
    wide.keep(call(key), { reply: refused(call(key).charges, [500]), states: [undefined], sentMs: nowMs });
  const keys = Array.from({ length: 100 }, (_, index) => `k${index}`);
  const used = keys.filter((_, index) => index % 10 === 0);
  keys.forEach(keepIn);
  for (const key of used) wide.find(call(key));
  for (let index = 0; index < 50; index += 1) keepIn(`new${index}`);
  expect(wide.size).toBe(100);
  expect(used.filter((key) => wide.find(call(key)) === undefined)).toEqual([]);
});

it('lets go of a key by whose side another one went', () => {
  const both = of({ key: 'user', policy, cost: 1 }, { key: 'tenant', policy, cost: 1 });
  keep(both, [500, 0]);
  for (const key of ['a', 'b']) keep(call(key), [500]);
  // 'tenant' could no longer be dropped by its name.
  keep(call('c'), [500]);
  expect(cache.find(both)).toBeUndefined();
});

it('remembers a few policies of a key', () => {
  const policies = Array.from({ length: 20 }, (_, index) => ({ ...policy, id: `p${index}` }));
  for (const one of policies) keep(call('k', 1, one), [500]);
  expect(policies.filter((one) => cache.find(call('k', 1, one)) !== undefined)).toEqual(policies.slice(12));
});

it.each([0, 1.5, -1, '5'])('refuses %p keys', (maxKeys) => {
  expect(() => RefusalCache.of('cache', { maxKeys: maxKeys as number })).toThrow(RateLimitConfigurationError);
});

it('can be switched off, and refuses what is no option', () => {
  expect(RefusalCache.of('cache', false)).toBeUndefined();
  expect(RefusalCache.of('cache', true)).toBeInstanceOf(RefusalCache);
  expect(() => RefusalCache.of('cache', null as never)).toThrow('cache');
  expect(() => RefusalCache.of('cache', { size: 3 } as never)).toThrow('maxKeys');
});

it('answers for a minute at most, so that a reset by another process is noticed', () => {
  keep(call('k'), [WEEK], WEEK);
  nowMs += 59_998;
  expect(cache.find(call('k'))).toMatchObject({ source: 'cache' });
  nowMs += 2;
  expect(cache.find(call('k'))).toBeUndefined();
});
