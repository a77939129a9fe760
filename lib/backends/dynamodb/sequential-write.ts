import type { ItemWrite, WriteResult } from './item-store.js';

/**
 * Replaces several items one by one, for servers without transactions (emulators): if one has changed, those before it
 * are put back. Between the two, others see what will be taken back; and if they build on it, it stays: under the limit,
 * never over it.
 */
export async function writeInSequence(
  writes: readonly ItemWrite[],
  writeOne: (write: ItemWrite) => Promise<WriteResult>,
): Promise<WriteResult> {
  for (const [index, write] of writes.entries()) {
    const result = await writeOne(write);
    if (result.kind === 'written') continue;
    await Promise.all(writes.slice(0, index).map((done) => writeOne(undone(done))));
    return result;
  }
  return { kind: 'written' };
}

const undone = ({ subject, before, after }: ItemWrite): ItemWrite => ({
  subject,
  before: after,
  after: { ...after, version: `${after.version}.undone`, counters: before.counters },
});
