import { hashSlot } from '../../../../lib/backends/redis/hash-slot.js';

it.each([
  ['123456789', 0x31c3],
  ['foo', 12_182],
  ['{user1000}.following', 3_443],
  ['foo{}{bar}', 8_363],
  ['foo{{bar}}zap', 4_015],
  ['foo{bar}{zap}', 5_061],
  ['', 0],
])('%s lies in slot %i', (key, slot) => {
  expect(hashSlot(key)).toBe(slot);
});
