import { Breaker } from '../../../lib/breaker/breaker.js';
import { GuardedIteration } from '../../../lib/breaker/guarded-iteration.js';
import type { GuardedStream } from '../../../lib/breaker/guarded-call.js';
import { iterationOf } from './one-iteration.js';

const down = new Error('down');
type Source = AsyncIterator<unknown, unknown, unknown>;

const step = (value: unknown): IteratorResult<unknown> => ({ done: false, value });
const END = { done: true, value: undefined };

describe('the fallback of an iteration', () => {
  const failing = { next: () => Promise.reject(down) };
  async function* generated(): AsyncGenerator<string> {
    yield 'a';
    yield 'b';
  }

  it.each([
    ['a list', () => ['a', 'b'], ['a', 'b']],
    ['an async generator', () => generated(), ['a', 'b']],
    ['a promise of one', async () => generated(), ['a', 'b']],
    ['an async iterable', () => ({ [Symbol.asyncIterator]: generated }), ['a', 'b']],
    [
      'a generator',
      function* () {
        yield 'a';
        yield 'b';
      },
      ['a', 'b'],
    ],
    ['a text, as one value', () => 'ab', ['ab']],
    ['a set, as one value', () => new Set(['a']), [new Set(['a'])]],
    ['nothing, as one value', () => undefined, [undefined]],
    ['an empty list', () => [], []],
  ])('may be %s', async (_what, recovery, values) => {
    const { iteration } = iterationOf(failing, { recovery });
    const got: unknown[] = [];
    for await (const value of iteration) got.push(value);
    expect(got).toEqual(values);
    await expect(iteration.next()).resolves.toEqual(END);
  });

  it('gets this, the error, and the arguments of the call', async () => {
    const told: unknown[] = [];
    const { iteration } = iterationOf(failing, { recovery: (...given) => void told.push(given) });
    await iteration.next();
    expect(told).toEqual([['self', down, ['one', 'two']]]);
  });

  it('answers for a source that cannot be opened, and for a call that is rejected', async () => {
    const { breaker, iteration } = iterationOf(failing, {
      recovery: () => ['spare'],
      open: () => {
        throw down;
      },
    });
    await expect(iteration.next()).resolves.toEqual(step('spare'));
    const rejected = new GuardedIteration({
      call: { breaker, self: undefined, args: [] },
      recovery: (_self, error) => [(error as { code?: string }).code],
      open: () => failing,
    });
    await expect(rejected.next()).resolves.toEqual(step('CIRCUIT_OPEN'));
  });

  it('does not answer for an error that is no failure, nor a second time', async () => {
    const breaker = new Breaker({ isFailure: (error) => error === down });
    const call = { breaker, self: undefined, args: [] };
    const missing = new Error('not found');
    const open = () => ({ next: () => Promise.reject(missing) });
    const iteration = new GuardedIteration({ call, recovery: () => ['spare'], open });
    await expect(iteration.next()).rejects.toBe(missing);
    const twice = iterationOf(failing, { recovery: () => Promise.reject(down) }).iteration;
    await expect(twice.next()).rejects.toBe(down);
    await expect(twice.next()).resolves.toEqual(END);
  });

  it('replaces a first value that is a failure, and no later one', async () => {
    const values = [503, 200];
    const judged = (recovery: GuardedStream<Source>['recovery'], first: number): GuardedIteration => {
      const breaker = new Breaker({ failureThreshold: 1, isFailureResult: (value) => value === 503 });
      const source = [first, ...values].values();
      const open = () => ({ next: async () => source.next() });
      return new GuardedIteration({ call: { breaker, self: undefined, args: [] }, recovery, open });
    };
    const recovery = (_self: unknown, error: unknown) => [`for ${String((error as { result?: unknown }).result)}`];
    await expect(judged(recovery, 503).next()).resolves.toEqual(step('for 503'));
    const unspared = judged(undefined, 503);
    await expect(unspared.next()).resolves.toEqual(step(503));
    await expect(unspared.next()).resolves.toEqual(step(503));
    const good = judged(recovery, 200);
    const got = [await good.next(), await good.next(), await good.next(), await good.next()];
    expect(got).toEqual([step(200), step(503), step(200), END]);
  });

  it('is not judged itself', async () => {
    const breaker = new Breaker({ isFailureResult: (value) => value === 503 });
    const call = { breaker, self: undefined, args: [] };
    const iteration = new GuardedIteration({ call, recovery: () => ['spare', 503], open: () => failing });
    await expect(iteration.next()).resolves.toEqual(step('spare'));
    await expect(iteration.next()).resolves.toEqual(step(503));
  });

  it('answers a read that waited when another one failed, whatever still comes of it', async () => {
    let answer: (late: IteratorResult<unknown>) => void = () => undefined;
    const answers = [Promise.reject(down), new Promise<IteratorResult<unknown>>((resolve) => (answer = resolve))];
    const source = { next: () => answers.shift() as Promise<IteratorResult<unknown>> };
    const { iteration } = iterationOf(source, { recovery: () => ['a', 'b'] });
    const reads = [iteration.next(), iteration.next()];
    await expect(reads[0]).resolves.toEqual(step('a'));
    answer(step('late'));
    await expect(reads[1]).resolves.toEqual(step('b'));
  });
});
