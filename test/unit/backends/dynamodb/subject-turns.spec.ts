import { SubjectTurns, type Turn } from '../../../../lib/backends/dynamodb/subject-turns.js';

interface Named extends Turn {
  readonly name: string;
}

/** Turns whose batches a test ends one by one. */
function setUp() {
  const batches: string[] = [];
  const ends = new Map<string, () => void>();
  const turns = new SubjectTurns<Named>((batch) => {
    const name = batch.map((turn) => turn.name).join('+');
    batches.push(name);
    return new Promise((resolve) => ends.set(name, resolve));
  });
  const add = (name: string, ...subjects: string[]): void => turns.add({ name, subjects });
  const end = async (name: string): Promise<void> => {
    ends.get(name)!();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { batches, add, end };
}

describe('turns', () => {
  it('work at once on different subjects', () => {
    const { batches, add } = setUp();
    add('1', 'a');
    add('2', 'b');
    expect(batches).toEqual(['1', '2']);
  });

  it('of one subject wait, and are served together in their order', async () => {
    const { batches, add, end } = setUp();
    for (const name of ['1', '2', '3']) add(name, 'a');
    expect(batches).toEqual(['1']);
    await end('1');
    expect(batches).toEqual(['1', '2+3']);
    await end('2+3');
    add('4', 'a');
    expect(batches.at(-1)).toBe('4');
  });

  it('that share a subject join, others run beside them', async () => {
    const { batches, add, end } = setUp();
    add('1', 'a', 'b');
    add('2', 'a');
    add('3', 'b', 'c');
    add('4', 'a', 'b');
    add('5', 'd');
    await end('1');
    expect(batches).toEqual(['1', '5', '2', '3']);
    await end('2');
    expect(batches).toHaveLength(4);
    await end('3');
    expect(batches.at(-1)).toBe('4');
  });

  it('never overtake an earlier one that waits for one of their subjects', async () => {
    const { batches, add, end } = setUp();
    add('1', 'a');
    add('2', 'a', 'b');
    add('3', 'b');
    expect(batches).toEqual(['1']);
    await end('1');
    expect(batches).toEqual(['1', '2+3']);
  });

  it('know whether others wait for their subjects', async () => {
    const asked: boolean[] = [];
    const turns = new SubjectTurns<Turn>((_batch, isWanted) => {
      asked.push(isWanted());
      return Promise.resolve();
    });
    turns.add({ subjects: ['a'] });
    turns.add({ subjects: ['a'] });
    await new Promise((resolve) => setImmediate(resolve));
    expect(asked).toEqual([false, false]);

    let isWanted = (): boolean => false;
    const held = new SubjectTurns<Turn>((_batch, wanted) => {
      isWanted = wanted;
      return new Promise(() => undefined);
    });
    held.add({ subjects: ['a', 'b'] });
    held.add({ subjects: ['c'] });
    expect(isWanted()).toBe(false);
    held.add({ subjects: ['c'] });
    expect(isWanted()).toBe(true);
  });

  it('join up to fifty subjects', async () => {
    const { batches, add, end } = setUp();
    add('0', 'shared');
    for (let user = 1; user <= 60; user += 1) add(String(user), 'shared', `user-${user}`);
    await end('0');
    expect(batches.at(-1)!.split('+')).toHaveLength(49);
    await end(batches.at(-1)!);
    expect(batches.at(-1)!.split('+')).toHaveLength(11);
  });
});
