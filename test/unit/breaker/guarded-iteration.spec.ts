import { Breaker } from '../../../lib/breaker/breaker.js';
import { GuardedIteration } from '../../../lib/breaker/guarded-iteration.js';
import { guardIterable } from '../../../lib/breaker/guarded-iterable.js';
import { iterationOf } from './one-iteration.js';

const down = new Error('down');

const step = (value: unknown): IteratorResult<unknown> => ({ done: false, value });
const END = { done: true, value: undefined };

describe('an iteration', () => {
  it('that is thrown into before it begins makes no call, and is over', async () => {
    let opened = 0;
    const { iteration } = iterationOf(
      { next: async () => step(1) },
      {
        open: () => {
          opened += 1;
          return { next: async () => step(1) };
        },
      },
    );
    await expect(iteration.throw(down)).rejects.toBe(down);
    await expect(iteration.next()).resolves.toEqual(END);
    expect(opened).toBe(0);
  });

  it('that is thrown into returns, if its source cannot be thrown into', async () => {
    const told: unknown[] = [];
    const { breaker, iteration } = iterationOf({
      next: async () => step(1),
      return: async (value) => {
        told.push(['return', value]);
        return { done: true, value };
      },
    });
    await iteration.next();
    await expect(iteration.throw(down)).rejects.toBe(down);
    expect(told).toEqual([['return', undefined]]);
    expect(breaker.status()).toMatchObject({ state: 'closed', lateOutcomes: 0 });
  });

  it('answers what its source answers to what is thrown into it', async () => {
    const { breaker, iteration } = iterationOf({ next: async () => step(1), throw: async (error) => step(error) });
    await iteration.next();
    await expect(iteration.throw(down)).resolves.toEqual(step(down));
    expect(breaker.status().state).toBe('closed');
  });

  it('may have a source that cannot return', async () => {
    const { iteration } = iterationOf({ next: async () => step(1) });
    await iteration.next();
    await expect(iteration.return('enough')).resolves.toEqual({ done: true, value: 'enough' });
  });

  it('hands on what is sent into it, and nothing where nothing is', async () => {
    const sent: unknown[][] = [];
    const { iteration } = iterationOf({
      next: async (...values) => {
        sent.push(values);
        return step(1);
      },
    });
    await iteration.next();
    await iteration.next(undefined);
    await iteration.next('two');
    expect(sent).toEqual([[], [undefined], ['two']]);
  });

  it('is disposed of by its end', async () => {
    let returned = 0;
    const { iteration } = iterationOf({
      next: async () => step(1),
      return: async () => {
        returned += 1;
        return END;
      },
    });
    await iteration.next();
    await iteration[Symbol.asyncDispose]();
    expect(returned).toBe(1);
    expect(iteration[Symbol.asyncIterator]()).toBe(iteration);
  });

  it('that fails with nothing has failed', async () => {
    const { breaker, iteration } = iterationOf({ next: () => Promise.reject(undefined as unknown as Error) });
    await expect(iteration.next()).rejects.toBeUndefined();
    expect(breaker.status().state).toBe('open');
  });

  it('whose source cannot be opened has failed', async () => {
    const { breaker, iteration } = iterationOf(
      { next: async () => END },
      {
        open: () => {
          throw down;
        },
      },
    );
    await expect(iteration.next()).rejects.toBe(down);
    await expect(iteration.next()).resolves.toEqual(END);
    expect(breaker.status().state).toBe('open');
  });

  it('that fails lets its source clean up, whatever comes of that', async () => {
    const returns = [
      async () => END,
      () => Promise.reject(new Error('cannot')),
      () => {
        throw new Error('cannot');
      },
    ];
    for (const end of returns) {
      let returned = 0;
      const { iteration } = iterationOf({
        next: () => Promise.reject(down),
        return: () => {
          returned += 1;
          return end();
        },
      });
      await expect(iteration.next()).rejects.toBe(down);
      expect(returned).toBe(1);
    }
  });

  it.each([
    ['stopped after a value: a success', 1, 'closed'],
    ['stopped before one: no verdict', 0, 'half-open'],
  ])('as a probe %s', async (_what, values, state) => {
    const { breaker, iteration } = iterationOf({ next: async () => step(1) });
    breaker.tryAcquire()?.failure(down);
    breaker.hasten();
    const pending = iteration.next();
    if (values === 1) await pending;
    await iteration.return();
    expect(breaker.status().state).toBe(state);
    expect(breaker.tryAcquire()).toBeDefined();
  });

  it('that is the rest of a call frees its slot if it never begins', async () => {
    const breaker = new Breaker({ failureThreshold: 1 });
    breaker.tryAcquire()?.failure(down);
    breaker.hasten();
    const permit = breaker.acquire();
    const call = { breaker, self: undefined, args: [] };
    const iteration = new GuardedIteration({
      call,
      recovery: undefined,
      permit,
      open: () => [][Symbol.iterator]() as never,
    });
    expect(breaker.tryAcquire()).toBeUndefined();
    await iteration.return();
    expect(breaker.tryAcquire()).toBeDefined();
  });
});

describe('an async iterable behind a breaker', () => {
  const streamOf = (iterable: AsyncIterable<unknown>): AsyncIterable<unknown> =>
    guardIterable(iterable, {
      call: { breaker: new Breaker({ failureThreshold: 1 }), self: undefined, args: [] },
      recovery: undefined,
      open: () => iterable,
    });

  it('has what is set on it, and its class', () => {
    class Rows {
      count = 1;
      async *[Symbol.asyncIterator](): AsyncGenerator<number> {
        yield this.count;
      }
      own(): this {
        return this;
      }
    }
    const rows = new Rows();
    const guarded = streamOf(rows) as Rows;
    guarded.count = 5;
    expect([rows.count, guarded.count]).toEqual([5, 5]);
    expect(guarded.constructor).toBe(Rows);
    expect(guarded.own()).toBe(rows);
    expect('return' in guarded).toBe(false);
    expect((guarded as { return?: unknown }).return).toBeUndefined();
  });

  it('that is an iterator has no more methods than it had', () => {
    const bare = { next: async () => END, return: async () => END, [Symbol.asyncIterator]: () => bare };
    const guarded = streamOf(bare) as unknown as AsyncGenerator;
    expect(guarded[Symbol.asyncIterator]()).toBe(guarded);
    expect(guarded.throw).toBeUndefined();
    expect(guarded.next).toBeInstanceOf(Function);
  });
});
