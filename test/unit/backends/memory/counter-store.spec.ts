import fc from 'fast-check';
import type { CounterState } from '../../../../lib/algorithms/algorithm.js';
import { decide } from '../../../../lib/algorithms/counter.js';
import type { Counter } from '../../../../lib/backends/memory/counter-slots.js';
import { CounterStore } from '../../../../lib/backends/memory/counter-store.js';
import type { Policy } from '../../../../lib/contracts/policy.js';
import { testPolicy } from '../../../../lib/testing/test-policy.js';

const START_MS = Date.UTC(2026, 0, 1);
const SECOND = testPolicy({ algorithm: 'sliding-log', limit: 5, windowMs: 1000 });
const HOUR = { ...SECOND, windowMs: 3_600_000 };

/** A counter with one unit that came at a time. */
const stateAt = (policy: Policy, nowMs = START_MS) => decide(undefined, policy, 1, false, nowMs).state as CounterState;

function add(store: CounterStore, key: string, policy = SECOND, nowMs = START_MS): number {
  store.add(policy, key, stateAt(policy, nowMs));
  return store.trim(nowMs);
}

const found = (store: CounterStore, key: string, policy = SECOND): Counter => {
  const counter = store.find(policy, key);
  if (counter === undefined) throw new Error(`${key} is not there`);
  return counter;
};

const keysOf = (store: CounterStore, keys: string, policy = SECOND): string =>
  [...keys].filter((key) => store.find(policy, key) !== undefined).join('');

describe('the store of counters', () => {
  it('drops the least recently used beyond its bound, and tells how many', () => {
    const store = new CounterStore(3);
    for (const key of 'abc') expect(add(store, key)).toBe(0);
    expect(add(store, 'd')).toBe(1);
    expect(keysOf(store, 'abcd')).toBe('bcd');
    expect(store.size).toBe(3);
  });

  it('takes an update and a touch for a use, and a look for none', () => {
    const store = new CounterStore(3);
    for (const key of 'abc') add(store, key);
    store.update(found(store, 'a'), SECOND, stateAt(SECOND));
    store.touch(found(store, 'b'));
    store.find(SECOND, 'c');
    add(store, 'd');
    expect(keysOf(store, 'abcd')).toBe('abd');
    add(store, 'e');
    expect(keysOf(store, 'abcde')).toBe('bde');
  });

  it('keeps what one decision found until that is complete', () => {
    const store = new CounterStore(2);
    for (const key of 'ab') add(store, key);
    const first = found(store, 'a');
    for (const key of 'cde') store.add(SECOND, key, stateAt(SECOND));
    expect(found(store, 'a')).toEqual(first);
    expect(store.trim(START_MS)).toBe(3);
    expect(keysOf(store, 'abcde')).toBe('de');
  });

  it('clears away what has expired by the time that as many new counters have come', () => {
    const store = new CounterStore(1000);
    for (let index = 0; index < 100; index += 1) add(store, `old-${index}`);
    for (let index = 0; index < 100; index += 1) {
      add(store, `new-${index}`, SECOND, START_MS + 1000);
      expect(store.size).toBeLessThanOrEqual(101);
    }
    expect(store.size).toBe(100);
  });

  it('goes on where it stopped looking, and starts over at the end', () => {
    const store = new CounterStore(1000);
    for (let index = 0; index < 10; index += 1) add(store, `live-${index}`, HOUR);
    for (let index = 0; index < 4; index += 1) add(store, `old-${index}`, HOUR);
    for (let index = 0; index < 30; index += 1) add(store, `new-${index}`, HOUR, START_MS + 3_600_000);
    expect(store.size).toBe(30);
  });

  it('looks on from the next when the one it was about to look at has gone', () => {
    const store = new CounterStore(10);
    for (const key of 'abc') add(store, key);
    // The looks so far ended before c.
    store.remove(found(store, 'c'));
    add(store, 'd', HOUR, START_MS + 1000);
    expect([store.size, keysOf(store, 'abcd')]).toEqual([1, 'd']);
  });

  it('does not count a counter as evicted that had expired', () => {
    const store = new CounterStore(3);
    add(store, 'a', SECOND);
    for (const key of 'bc') add(store, key, HOUR);
    // The looks of this addition fall on the two newest.
    expect(add(store, 'd', HOUR, START_MS + 1000)).toBe(0);
    expect([store.size, store.find(SECOND, 'a')]).toEqual([3, undefined]);
  });

  it('judges a counter by the policy it was written for, not by another of its id', () => {
    const store = new CounterStore(1000);
    add(store, 'pro', HOUR);
    for (let index = 0; index < 20; index += 1) add(store, `free-${index}`, SECOND, START_MS + 2000 * index);
    expect(store.find(HOUR, 'pro')).toBeDefined();
  });

  it('judges a counter by the policy it was last written for', () => {
    const store = new CounterStore(1000);
    add(store, 'upgraded');
    store.update(found(store, 'upgraded'), HOUR, stateAt(HOUR));
    for (let index = 0; index < 20; index += 1) add(store, `free-${index}`, SECOND, START_MS + 2000 * index);
    expect(store.find(HOUR, 'upgraded')).toBeDefined();
  });

  it('forgets a policy with its last counter, and takes it up again', () => {
    const store = new CounterStore(10);
    const other = { ...SECOND, id: 'other' };
    add(store, 'a', other);
    store.remove(found(store, 'a', other));
    expect([store.size, store.find(other, 'a')]).toEqual([0, undefined]);
    add(store, 'a', other);
    expect(keysOf(store, 'a', other)).toBe('a');
    store.clear();
    expect([store.size, store.find(other, 'a')]).toEqual([0, undefined]);
    expect(add(store, 'b')).toBe(0);
  });

  it('loses no live counter untold, and none twice, as time passes', () => {
    const key = fc.constantFrom(...'abcdefghijkl');
    const operation = fc.record({
      verb: fc.constantFrom('add', 'add', 'touch', 'remove', 'trim', 'wait'),
      key,
      policy: fc.constantFrom(SECOND, HOUR),
    });
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 8 }), fc.array(operation, { maxLength: 60 }), (maxKeys, operations) => {
        const store = new CounterStore(maxKeys);
        const leavesAtMs = new Map<string, number>();
        let nowMs = START_MS;
        for (const { verb, key, policy } of operations) {
          const counter = store.find(policy, key);
          if (verb === 'wait') nowMs += 400;
          else if (verb === 'trim') {
            const before = [...leavesAtMs].filter(([one, at]) => at > nowMs && store.find(HOUR, one));
            const evicted = store.trim(nowMs);
            expect(before.filter(([one]) => store.find(HOUR, one) === undefined).length).toBe(evicted);
            expect(store.size).toBeLessThanOrEqual(maxKeys);
          } else if (counter === undefined) {
            if (verb !== 'add') continue;
            store.add(policy, key, stateAt(policy, nowMs));
            leavesAtMs.set(key, nowMs + policy.windowMs);
          } else if (verb === 'remove') store.remove(counter);
          else store.touch(counter);
          expect(store.size).toBe(keysOf(store, 'abcdefghijkl').length);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('is a list in the order of use, whatever is done to it', () => {
    const key = fc.constantFrom(...'abcdefgh');
    const operation = fc.record({ verb: fc.constantFrom('add', 'add', 'update', 'touch', 'remove', 'trim'), key });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.array(operation, { maxLength: 40 }), (maxKeys, operations) => {
        const store = new CounterStore(maxKeys);
        let used: string[] = [];
        for (const { verb, key } of operations) {
          const counter = store.find(HOUR, key);
          expect(counter !== undefined).toBe(used.includes(key));
          const others = used.filter((one) => one !== key);
          if (verb === 'trim') {
            const evicted = store.trim(START_MS);
            expect(evicted).toBe(Math.max(0, used.length - maxKeys));
            used = used.slice(evicted);
          } else if (counter === undefined) {
            if (verb === 'add') {
              store.add(HOUR, key, stateAt(HOUR));
              used = [...others, key];
            }
          } else if (verb === 'remove') {
            store.remove(counter);
            used = others;
          } else {
            if (verb === 'touch') store.touch(counter);
            else store.update(counter, HOUR, stateAt(HOUR));
            used = [...others, key];
          }
          expect(store.size).toBe(used.length);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
