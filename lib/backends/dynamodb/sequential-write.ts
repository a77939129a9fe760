import type { ItemWrite, WriteResult } from './item-write.js';
import type { SubjectItem } from './subject-item.js';

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
    const putBack = await Promise.all(writes.slice(0, index).map((done) => undo(done, writeOne)));
    return { kind: 'stale', items: new Map([...putBack.flatMap((items) => [...items]), ...result.items]) };
  }
  return { kind: 'written' };
}

/** @returns what is there now */
async function undo(
  { subject, before, after }: ItemWrite,
  writeOne: (write: ItemWrite) => Promise<WriteResult>,
): Promise<ReadonlyMap<string, SubjectItem | undefined>> {
  const undone = { ...after, version: `${after.version}.undone`, counters: before.counters };
  const result = await writeOne({ subject, before: after, after: undone });
  return result.kind === 'written' ? new Map([[subject, undone]]) : result.items;
}
