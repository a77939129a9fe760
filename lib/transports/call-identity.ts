import type { ArgumentsHost } from '@nestjs/common';
import { isObject } from './structure.js';

/** Stands among the arguments of a call that has no object of its own. */
class CallMarker {}

/**
 * An object that is there once for each call, and that all parts of the call find: the request over HTTP, elsewhere the
 * last object among the arguments, which is the field that is resolved, the message, or the context of one. `undefined`
 * if there is none.
 *
 * The first argument of a WebSocket message is the socket, which parallel messages share. A message that is a text has
 * no object of its own: it is given one, before its pattern, which Nest keeps last.
 */
export function identityOf(call: ArgumentsHost): object | undefined {
  const args = call.getArgs<unknown[]>();
  switch (call.getType()) {
    case 'http':
      return isObject(args[0]) ? args[0] : undefined;
    case 'ws':
      return lastObject(args.slice(1)) ?? marked(args);
    default:
      return lastObject(args);
  }
}

const lastObject = (args: readonly unknown[]): object | undefined =>
  args.findLast((arg): arg is object => isObject(arg) || typeof arg === 'function');

function marked(args: unknown[]): CallMarker {
  const marker = new CallMarker();
  args.splice(Math.max(1, args.length - 1), 0, marker);
  return marker;
}
