import { Observable } from 'rxjs';

/** The kind of a method's result; a rejected call must return the same kind. */
export type ResultShape = 'value' | 'promise' | 'observable' | 'iterable';

/** A Node stream: it is read in many ways, and reports its end by an event. */
export interface NodeStream {
  readonly errored: Error | null;
  once(event: 'close', listener: () => void): unknown;
}

/** The kind of a method's results that is known before its first call. */
export function shapeOf(target: object, key: string | symbol, method: object): ResultShape {
  const kind = Object.prototype.toString.call(method);
  if (kind === '[object AsyncGeneratorFunction]') return 'iterable';
  if (kind === '[object AsyncFunction]') return 'promise';
  const declared: unknown = Reflect.getMetadata('design:returntype', target, key);
  if (declared === Promise) return 'promise';
  return declared === Observable ? 'observable' : 'value';
}

export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return isCallable(value, 'then');
}

/** A web stream has its own reader, which bypasses its iterator: it is a value, not an iterable. */
export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return isCallable(value, Symbol.asyncIterator) && !isCallable(value, 'getReader');
}

/** A database cursor is not an iterator: its `next` returns a row, and it cannot end early. */
export function isIterator(value: unknown): value is Iterator<unknown> | AsyncIterator<unknown> {
  return isCallable(value, 'next') && isCallable(value, 'return');
}

export function isNodeStream(value: unknown): value is NodeStream {
  return isCallable(value, 'pipe') && isCallable(value, 'once') && 'readableDidRead' in (value as object);
}

function isCallable(value: unknown, property: PropertyKey): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return typeof (value as Record<PropertyKey, unknown>)[property] === 'function';
}
