import { Readable } from 'node:stream';
import { Observable, of } from 'rxjs';
import { resemble } from '../../../lib/breaker/resemblance.js';
import {
  isAsyncIterable,
  isIterator,
  isNodeStream,
  isPromiseLike,
  type ResultShape,
  shapeOf,
} from '../../../lib/breaker/result.shape.js';

async function* generate(): AsyncGenerator<number> {
  yield 1;
}
const nothing = (): undefined => undefined;

describe('what a method is known to answer before its first call', () => {
  class Methods {
    async promised(): Promise<void> {}
    async *iterated(): AsyncGenerator<number> {
      yield 1;
    }
    plain(): number {
      return 1;
    }
  }
  const { prototype } = Methods;

  it.each([
    ['promised', undefined, 'promise'],
    ['iterated', undefined, 'iterable'],
    ['iterated', Promise, 'iterable'],
    ['plain', undefined, 'value'],
    ['plain', Number, 'value'],
    ['plain', Promise, 'promise'],
    ['plain', Observable, 'observable'],
    ['promised', Observable, 'promise'],
  ] as const)('%s, declared as %p: %s', (name, declared, shape: ResultShape) => {
    const target = {};
    if (declared !== undefined) Reflect.defineMetadata('design:returntype', declared, target, name);
    expect(shapeOf(target, name, prototype[name])).toBe(shape);
  });
});

describe('a result', () => {
  it.each([
    ['a promise', Promise.resolve(), true],
    ['what has a then', { then: nothing }, true],
    ['a then that is no function', { then: 1 }, false],
    ['a function with a then', Object.assign(nothing.bind(null), { then: nothing }), false],
    ['null', null, false],
    ['undefined', undefined, false],
    ['a text', 'then', false],
  ])('is a promise or not: %s', (_what, value, is) => {
    expect(isPromiseLike(value)).toBe(is);
  });

  it.each([
    ['a generator', generate(), true],
    ['a Node stream', Readable.from([1]), true],
    ['a web stream', new ReadableStream(), false],
    ['a list', [1], false],
    ['null', null, false],
  ])('is an async iterable or not: %s', (_what, value, is) => {
    expect(isAsyncIterable(value)).toBe(is);
  });

  it.each([
    ['a generator', generate(), true],
    ['the iterator of a list', [1].values(), false],
    ['a cursor', { next: nothing, close: nothing }, false],
    ['what only returns', { return: nothing }, false],
    ['both', { next: nothing, return: nothing }, true],
  ])('is an iterator that can end early or not: %s', (_what, value, is) => {
    expect(isIterator(value)).toBe(is);
  });

  it.each([
    ['a Node stream', Readable.from([1]), true],
    ['an Observable', of(1), false],
    ['a stream of old', { pipe: nothing, once: nothing }, false],
    ['no pipe', { once: nothing, readableDidRead: false }, false],
    ['no events', { pipe: nothing, readableDidRead: false }, false],
    ['all of it', { pipe: nothing, once: nothing, readableDidRead: false }, true],
    ['null', null, false],
  ])('is a Node stream or not: %s', (_what, value, is) => {
    expect(isNodeStream(value)).toBe(is);
  });
});

describe('a wrapper', () => {
  it('has the name, length, properties and metadata of the method, and a prototype of its own', () => {
    const key = Symbol('key');
    const method = Object.assign(function method(_one: unknown, _two: unknown): void {}, { note: 'kept', [key]: 5 });
    Reflect.defineMetadata('route', '/cats', method);
    Reflect.defineMetadata(key, 7, method);
    const wrapper = function (..._args: unknown[]): void {};
    const own: unknown = wrapper.prototype;
    resemble(wrapper, method);
    expect([wrapper.name, wrapper.length]).toEqual(['method', 2]);
    expect({ ...wrapper }).toMatchObject({ note: 'kept', [key]: 5 });
    expect(wrapper.prototype).toBe(own);
    expect(Reflect.getOwnMetadataKeys(wrapper)).toEqual(['route', key]);
    expect([Reflect.getOwnMetadata('route', wrapper), Reflect.getOwnMetadata(key, wrapper)]).toEqual(['/cats', 7]);
  });
});
