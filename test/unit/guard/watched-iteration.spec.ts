import { WatchedIteration } from '../../../lib/guard/watched-iteration.js';

const broken = new Error('broken');

/** Yields each value that it is sent, until it is sent 'end' or 'break'. */
async function* echo(): AsyncGenerator<unknown, string, unknown> {
  let sent: unknown = 'first';
  while (sent !== 'end') {
    if (sent === 'break') throw broken;
    sent = yield sent;
  }
  return 'last';
}

/** An iteration, and what its observer was told, in order. */
function watched(source: AsyncIterator<unknown, unknown, unknown> = echo()) {
  const told: string[] = [];
  const iteration = new WatchedIteration(source, {
    onBegin: () => told.push('begin'),
    onEnd: () => told.push('end'),
  });
  return { iteration, told };
}

/** An iterator that can do nothing but go on. */
const bare = (): AsyncIterator<unknown> => ({ next: async () => ({ done: false, value: 1 }) });

describe('a watched iteration', () => {
  it('has the values of its source, which gets what is sent', async () => {
    const { iteration } = watched();
    expect(await iteration.next()).toEqual({ done: false, value: 'first' });
    expect(await iteration.next('second')).toEqual({ done: false, value: 'second' });
    expect(await iteration.next(undefined)).toEqual({ done: false, value: undefined });
    expect(await iteration.next('end')).toEqual({ done: true, value: 'last' });
  });

  it('asks its source for a value with nothing, unless something is sent', async () => {
    const asked: unknown[][] = [];
    const next = async (...sent: unknown[]): Promise<IteratorResult<unknown>> => {
      asked.push(sent);
      return { done: false, value: 1 };
    };
    const { iteration } = watched({ next });
    await iteration.next();
    await iteration.next(undefined);
    expect(asked).toEqual([[], [undefined]]);
  });

  it('begins with its first value, once', async () => {
    const { iteration, told } = watched();
    expect(told).toEqual([]);
    await iteration.next();
    await iteration.next('second');
    expect(told).toEqual(['begin']);
  });

  it('is over at its last value', async () => {
    const { iteration, told } = watched();
    await iteration.next();
    await iteration.next('end');
    expect(told).toEqual(['begin', 'end']);
  });

  it('is over by an error, which its reader gets', async () => {
    const { iteration, told } = watched();
    await iteration.next();
    await expect(iteration.next('break')).rejects.toBe(broken);
    expect(told).toEqual(['begin', 'end']);
  });

  it('is over by an error that its source throws at once', async () => {
    const next = (): never => {
      throw broken;
    };
    const { iteration, told } = watched({ next });
    await expect(iteration.next()).rejects.toBe(broken);
    expect(told).toEqual(['begin', 'end']);
  });

  it.each<[string, (iteration: WatchedIteration) => Promise<unknown>]>([
    ['returns', (iteration) => iteration.return('given')],
    ['disposes of it', (iteration) => iteration[Symbol.asyncDispose]()],
    ['throws', (iteration) => iteration.throw(broken).catch(() => undefined)],
    [
      'leaves a loop',
      async (iteration) => {
        for await (const _ of iteration) break;
      },
    ],
  ])('is over when its reader %s, and so is its source', async (_how, leave) => {
    const source = echo();
    const { iteration, told } = watched(source);
    await iteration.next();
    await leave(iteration);
    expect(told).toEqual(['begin', 'end']);
    expect(await source.next('more')).toEqual({ done: true, value: undefined });
  });

  it('is over as soon as its reader leaves, though a value is on its way', async () => {
    const { iteration, told } = watched({ ...bare(), return: () => new Promise(() => undefined) });
    void iteration.return();
    expect(told).toEqual(['end']);
  });

  it.each<[string, AsyncIterator<unknown, unknown, unknown>]>([
    ['its source', echo()],
    ['a source that cannot return', bare()],
  ])('ends with the value that its reader returns, by %s', async (_what, source) => {
    const { iteration } = watched(source);
    await iteration.next();
    expect(await iteration.return('given')).toEqual({ done: true, value: 'given' });
  });

  it('hands an error of its reader to its source, which may go on', async () => {
    const source = (async function* () {
      try {
        yield 1;
      } catch (error) {
        yield `after ${String(error)}`;
      }
    })();
    const { iteration, told } = watched(source);
    await iteration.next();
    expect(await iteration.throw('no')).toEqual({ done: false, value: 'after no' });
    expect(told).toEqual(['begin']);
    expect(await iteration.next()).toEqual({ done: true, value: undefined });
    expect(told).toEqual(['begin', 'end']);
  });

  it('gives an error of its reader back if its source takes none, and leaves that', async () => {
    let left = 0;
    const leave = async (): Promise<IteratorResult<unknown>> => {
      left += 1;
      return { done: true, value: undefined };
    };
    const { iteration, told } = watched({ ...bare(), return: leave });
    await expect(iteration.throw(broken)).rejects.toBe(broken);
    expect(told).toEqual(['end']);
    expect(left).toBe(1);
  });

  it('is its own iterator', () => {
    const { iteration } = watched();
    expect(iteration[Symbol.asyncIterator]()).toBe(iteration);
  });
});
