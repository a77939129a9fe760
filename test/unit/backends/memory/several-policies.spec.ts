import { memoryBackend } from '../../../../lib/backends/memory/memory.backend.js';
import type { Reply } from '../../../../lib/contracts/backend.js';
import { testPolicy } from '../../../../lib/testing/test-policy.js';
import { randomWholeNumbers } from '../../../support/random-numbers.js';

const LIMIT = 1_000_000;
const policies = [10, 20, 30, 40].map((windowMs) =>
  testPolicy({ name: `${windowMs}`, algorithm: 'fixed-window', limit: LIMIT, windowMs }),
);

it('each have their own counter of a key, whichever are charged together, and whatever ended or was reset before', () => {
  const below = randomWholeNumbers(3);
  let nowMs = Date.UTC(2026, 0, 1);
  const backend = memoryBackend({ clock: () => nowMs });
  /** Units by key, policy and window. */
  const used = new Map<string, number>();
  for (let step = 0; step < 20_000; step += 1) {
    const key = `key-${below(4)}`;
    const chosen = policies.filter(() => below(2) === 0).sort(() => below(3) - 1);
    const charges = chosen.map((policy) => ({ key, policy, cost: 1 }));
    const names = chosen.map(({ windowMs }) => `${key} ${windowMs} ${Math.floor(nowMs / windowMs)}`);
    if (charges.length > 0 && below(5) === 0) {
      void backend.reset({ charges, timeoutMs: 1_000 });
      for (const name of names) used.delete(name);
    } else if (charges.length > 0) {
      for (const name of names) used.set(name, (used.get(name) ?? 0) + 1);
      const { policies: statuses } = backend.consume({ charges, timeoutMs: 1_000 }) as Reply;
      const left = statuses.map(({ remaining }) => remaining);
      const expected = names.map((name) => LIMIT - used.get(name)!);
      // `expect` takes longer than all the rest.
      if (left.join() !== expected.join()) expect([step, left]).toEqual([step, expected]);
    }
    if (below(10) === 0) nowMs += below(15);
  }
  expect(used.size).toBeGreaterThan(5_000);
});
