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
  ['numbers', (index: number) => `user:${index}`],
  ['identifiers', (index: number) => `key:${(index * 2_654_435_761).toString(36)}`],
])('spreads %s, so that no part is much larger than the others', (_what, keyOf) => {
  const table = new KeyTable<number>();
  for (let index = 0; index < 64_000; index += 1) table.add(keyOf(index), index);
  const sizes = (table as unknown as { parts: (Map<string, number> | undefined)[] }).parts.map(
    (part) => part?.size ?? 0,
  );
  expect(Math.max(...sizes)).toBeLessThan(8_000);
});
