import type { GuardedStream } from './guarded-call.js';
import { GuardedIteration } from './guarded-iteration.js';
import { isIterator } from './result.shape.js';

const ITERATION = new Set<PropertyKey>(['next', 'return', 'throw', Symbol.asyncIterator, Symbol.asyncDispose]);

/** Replaces a rejected async iterable behind a breaker: each iteration requests it again. */
export function guardUnopened(stream: GuardedStream<AsyncIterable<unknown>>): AsyncIterable<unknown> {
  return { [Symbol.asyncIterator]: () => iterationOf(stream) };
}

/**
 * An async iterable behind a breaker: each iteration is a call. Its other properties and methods stay the same. An
 * iterator, such as a generator, is its own only iteration.
 */
export function guardIterable(
  iterable: AsyncIterable<unknown>,
  stream: GuardedStream<AsyncIterable<unknown>>,
): AsyncIterable<unknown> {
  const iteration = isIterator(iterable) ? iterationOf(stream) : undefined;
  const guard: object = iteration ?? guardUnopened(stream);
  // The proxy target inherits from the iterable, so that a frozen iterable does not restrict the proxy.
  return new Proxy(Object.create(iterable) as AsyncIterable<unknown>, {
    get: (_, property, proxy) => {
      // An iterator returns itself.
      if (property === Symbol.asyncIterator && iteration !== undefined) return () => proxy as unknown;
      const from = ITERATION.has(property) && property in iterable && property in guard ? guard : iterable;
      const value: unknown = Reflect.get(from, property, from);
      if (typeof value !== 'function' || property === 'constructor') return value;
      return value.bind(from) as unknown;
    },
    set: (_, property, value) => Reflect.set(iterable, property, value, iterable),
  });
}

function iterationOf(stream: GuardedStream<AsyncIterable<unknown>>): GuardedIteration {
  const { call, recovery, permit } = stream;
  stream.permit = undefined;
  return new GuardedIteration({ call, recovery, permit, open: () => stream.open()[Symbol.asyncIterator]() });
}
