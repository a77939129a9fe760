import { jest } from '@jest/globals';
import {
  memoryBackend,
  type MemoryBackendOptions,
  MemoryBackend,
} from '../../../../lib/backends/memory/memory.backend.js';
import type { Reply } from '../../../../lib/contracts/backend.js';
import { RateLimitConfigurationError } from '../../../../lib/contracts/errors.js';
import type { Policy } from '../../../../lib/contracts/policy.js';
import { testPolicy } from '../../../../lib/testing/test-policy.js';
import { manualClock } from '../../../support/manual-clock.js';
import { spawnWorkers } from '../../../support/child-process.js';
import type flood from './workers/flood.worker.js';

const policy = testPolicy({ algorithm: 'fixed-window', limit: 10, windowMs: 60_000 });
const timeoutMs = 250;

function setUp(options: MemoryBackendOptions = {}) {
  const clock = manualClock();
  const backend = new MemoryBackend({ clock, ...options });
  const evictions: number[] = [];
  backend.onEviction((count) => evictions.push(count));
  const consume = (key: string, given: Policy = policy, cost = 1): Reply =>
    backend.consume({ charges: [{ key, policy: given, cost }], timeoutMs });
  const remaining = (key: string, given: Policy = policy): number | undefined =>
    backend.peek({ charges: [{ key, policy: given, cost: 0 }], timeoutMs }).policies[0]?.remaining;
  return { backend, clock, evictions, consume, remaining };
}

describe('the memory backend', () => {
  it.each([0, -1, 1.5, NaN, Infinity, '10'])('refuses a maxKeys of %p', (maxKeys) => {
    expect(() => memoryBackend({ maxKeys: maxKeys as number })).toThrow(RateLimitConfigurationError);
  });

  it('is called memory unless told otherwise', () => {
    expect([memoryBackend().name, memoryBackend({ name: 'mine' }).name]).toEqual(['memory', 'mine']);
  });

  it('decides at once', () => {
    expect(setUp().consume('a')).toEqual({
      allowed: true,
      nowMs: Date.UTC(2026, 0, 1),
      policies: [
        {
          name: 'test',
          limit: 10,
          windowMs: 60_000,
          allowed: true,
          remaining: 9,
          resetAfterMs: 60_000,
          retryAfterMs: 0,
          nextUnitAfterMs: 60_000,
          mode: 'enforce',
        },
      ],
    });
  });

  it('counts in whole milliseconds, however fine its clock is', () => {
    const { consume } = setUp({ clock: () => 1_767_225_600_999.9 });
    expect(consume('a')).toMatchObject({ nowMs: 1_767_225_600_999, policies: [{ resetAfterMs: 59_001 }] });
  });

  it('tells the time of day by default, and does not step back with it', () => {
    const { consume } = setUp({ clock: undefined as never });
    const first = consume('a').nowMs;
    expect(Math.abs(first - Date.now())).toBeLessThan(60_000);
    const wallClock = jest.spyOn(Date, 'now').mockReturnValue(0);
    try {
      expect(consume('a').nowMs).toBeGreaterThanOrEqual(first);
    } finally {
      wallClock.mockRestore();
    }
  });

  it('follows the fake timers of a test', () => {
    jest.useFakeTimers();
    try {
      const backend = memoryBackend();
      const pass = (): boolean =>
        (backend.consume({ charges: [{ key: 'a', policy, cost: 10 }], timeoutMs }) as Reply).allowed;
      expect([pass(), pass()]).toEqual([true, false]);
      jest.advanceTimersByTime(policy.windowMs);
      expect(pass()).toBe(true);
    } finally {
      jest.useRealTimers();
    }
  });

  it('holds at most maxKeys counters, and tells of each live one that had to go', () => {
    const { consume, evictions, remaining } = setUp({ maxKeys: 4 });
    for (let index = 0; index < 10; index += 1) consume(`key-${index}`);
    expect(evictions).toEqual([1, 1, 1, 1, 1, 1]);
    expect([5, 6, 7, 8, 9].map((index) => remaining(`key-${index}`))).toEqual([10, 9, 9, 9, 9]);
  });

  it('keeps a key that is used, be it refused, over one that is not', () => {
    const { consume, remaining } = setUp({ maxKeys: 2 });
    consume('hammering', policy, 10);
    consume('idle', policy, 3);
    expect(consume('hammering').allowed).toBe(false);
    consume('new');
    expect([remaining('hammering'), remaining('idle')]).toEqual([0, 10]);
  });

  it('evicts nobody that takes part in the decision, and tells once', () => {
    const { backend, consume, evictions, remaining } = setUp({ maxKeys: 3 });
    for (const key of ['a', 'b', 'c']) consume(key);
    const charges = ['a', 'd', 'e'].map((key) => ({ key, policy, cost: 1 }));
    expect(backend.consume({ charges, timeoutMs }).allowed).toBe(true);
    expect(['a', 'b', 'c', 'd', 'e'].map((key) => remaining(key))).toEqual([8, 10, 10, 9, 9]);
    expect(evictions).toEqual([2]);
  });

  it('decides rightly on more counters than it may hold', () => {
    const { backend, evictions } = setUp({ maxKeys: 1 });
    const charges = ['a', 'b', 'c'].map((key) => ({ key, policy, cost: 4 }));
    const { policies } = backend.consume({ charges, timeoutMs });
    expect(policies.map(({ remaining }) => remaining)).toEqual([6, 6, 6]);
    expect(evictions).toEqual([2]);
  });

  it('charges a counter twice that one call names twice', () => {
    const backend = new MemoryBackend({});
    const charge = { policy, key: 'a', cost: 2 };
    const consumeTwice = () => backend.consume({ charges: [charge, charge], timeoutMs }).policies;
    expect(consumeTwice().map(({ remaining }) => remaining)).toEqual([8, 6]);
    expect(consumeTwice().map(({ remaining }) => remaining)).toEqual([4, 2]);
    expect(backend.size).toBe(1);
  });

  it('stores nothing for calls that are not charged', () => {
    const { backend, consume, evictions, remaining } = setUp({ maxKeys: 1 });
    consume('held', policy, 4);
    consume('free', policy, 0);
    consume('dear', policy, 11);
    backend.refund({ charges: [{ key: 'unknown', policy, cost: 1 }], timeoutMs });
    backend.peek({ charges: [{ key: 'looked at', policy, cost: 1 }], timeoutMs });
    expect([remaining('held'), evictions]).toEqual([6, []]);
  });

  it('keeps no counter that was given back in full', () => {
    const { backend, consume, evictions } = setUp({ maxKeys: 1 });
    consume('a', policy, 4);
    backend.refund({ charges: [{ key: 'a', policy, cost: 4 }], timeoutMs });
    consume('b');
    expect(evictions).toEqual([]);
  });

  it('drops expired counters as new ones come', () => {
    const { clock, consume, evictions } = setUp({ maxKeys: 100 });
    for (let index = 0; index < 100; index += 1) consume(`old-${index}`);
    clock.advance(60_000);
    for (let index = 0; index < 100; index += 1) consume(`new-${index}`);
    expect(evictions).toEqual([]);
  });

  it('takes any text for a key', () => {
    const { consume, remaining } = setUp();
    const keys = ['__proto__', 'constructor', '{a}:b', '😀', 'x'.repeat(10_000), `${'x'.repeat(9_999)}y`];
    for (const key of keys) consume(key, policy, 3);
    expect(keys.map((key) => remaining(key))).toEqual(keys.map(() => 7));
    expect(consume('toString', { ...policy, id: '__proto__' }).policies[0]?.remaining).toBe(9);
  });

  it('forgets everything when it is closed', () => {
    const { backend, consume, remaining } = setUp();
    consume('a', policy, 10);
    backend.close();
    expect(remaining('a')).toBe(10);
  });

  it('makes no timers', () => {
    const { consume } = setUp({ clock: undefined as never });
    const before = process.getActiveResourcesInfo();
    for (let index = 0; index < 1000; index += 1) consume(`key-${index}`, { ...policy, blockForMs: 1000 }, 6);
    for (let index = 0; index < 1000; index += 1) consume(`key-${index}`, { ...policy, blockForMs: 1000 }, 6);
    expect(process.getActiveResourcesInfo()).toEqual(before);
  });

  it.each(['one', 'many'] as const)(
    'stays as small as its bound in a flood of ten times as many keys of %s policies',
    async (policies) => {
      const worker = new URL('./workers/flood.worker.ts', import.meta.url);
      const [reply] = await spawnWorkers<typeof flood>(1, worker, { maxKeys: 20_000, policies });
      expect(reply?.evicted).toBe(200_000);
      // 200,000 counters would take some 50 MB, and as many empty tables 40 MB.
      expect((reply?.afterBytes ?? Infinity) - (reply?.filledBytes ?? 0)).toBeLessThan(5_000_000);
    },
  );
});
