import { KeyTable } from '../../../../lib/backends/memory/key-table.js';

const keys = ['', 'a', 'ab', 'abc', '\u{1F600}', ...Array.from({ length: 10_000 }, (_, index) => `user:${index}`)];

it('finds every key that was added, and none that was not or is gone', () => {
  const table = new KeyTable<number>();
  keys.forEach((key, index) => table.add(key, index));
  expect(table.size).toBe(keys.length);
  expect(keys.map((key) => table.get(key))).toEqual(keys.map((_key, index) => index));
  expect(table.get('user:10000')).toBeUndefined();
  keys.filter((_key, index) => index % 2 === 0).forEach((key) => table.delete(key));
  expect(table.size).toBe(Math.floor(keys.length / 2));
  expect(keys.filter((key) => table.get(key) !== undefined)).toHaveLength(table.size);
});

it.each([
  ['addresses', (index: number) => `ip:10.0.${index >> 8}.${index & 255}`],
  ['networks', (index: number) => `ip:2001:db8:${(index * 40_503).toString(16)}::/64`],
  ['numbers', (index: number) => `user:${index}`],
  ['round numbers', (index: number) => `user:${index * 1_000}`],
  ['identifiers', (index: number) => `key:${(index * 2_654_435_761).toString(36)}`],
  ['keys with one end', (index: number) => `email:user${index}@example.com`],
  ['paths in the middle', (index: number) => `tenant:${index}:/api/v1/orders`],
])('holds %s in maps that each have a few percent of them', (_what, keyOf) => {
  const maps: Map<unknown, unknown>[] = [];
  const { Map: RealMap } = globalThis;
  globalThis.Map = class extends RealMap<unknown, unknown> {
    constructor() {
      super();
      maps.push(this);
    }
  } as MapConstructor;
  const table = new KeyTable<number>();
  for (let index = 0; index < 64_000; index += 1) table.add(keyOf(index), index);
  globalThis.Map = RealMap;
  const sizes = maps.map(({ size }) => size);
  expect(sizes.reduce((sum, size) => sum + size)).toBe(64_000);
  expect(Math.max(...sizes)).toBeLessThan(2_000);
});
