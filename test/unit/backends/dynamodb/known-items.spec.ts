import { KnownItems } from '../../../../lib/backends/dynamodb/known-items.js';
import { NO_ITEM, type SubjectItem } from '../../../../lib/backends/dynamodb/subject-item.js';

const itemWith = (log?: readonly number[]): SubjectItem => ({
  ...NO_ITEM,
  version: 'writer.1',
  counters: new Map([['one', { keptUntilMs: 0, state: { windowMs: 1, at: 1, used: 1, rest: 1, log } }]]),
});

describe('known items', () => {
  it('are ten thousand at most; the least recently used go first', () => {
    const known = new KnownItems();
    for (let index = 0; index < 10_000; index += 1) known.set(String(index), itemWith());
    known.set('0', itemWith());
    known.set('new', itemWith());
    expect(known.get('1')).toBeUndefined();
    expect(['0', '2', 'new'].map((subject) => known.get(subject)?.version)).toEqual(Array(3).fill('writer.1'));
  });

  it('hold two million numbers at most', () => {
    const known = new KnownItems();
    const log = new Array<number>(20_000).fill(1);
    for (let index = 0; index < 120; index += 1) known.set(String(index), itemWith(log));
    const held = Array.from({ length: 120 }, (_, index) => known.get(String(index))).filter(Boolean);
    expect(held).toHaveLength(99);
    for (let index = 0; index < 120; index += 1) known.set(String(index), NO_ITEM);
    for (let index = 0; index < 99; index += 1) known.set(String(index), itemWith(log));
    expect(known.get('0')).toBeDefined();
  });

  it('forget an item that is gone, and all when they are cleared', () => {
    const known = new KnownItems();
    known.set('one', itemWith());
    known.set('one', NO_ITEM);
    known.set('two', itemWith());
    known.clear();
    expect([known.get('one'), known.get('two')]).toEqual([undefined, undefined]);
  });
});
