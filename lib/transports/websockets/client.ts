import { isObject, propertiesOf } from '../structure.js';

/** Close code 1013 of the IANA registry: try again later. */
const TRY_AGAIN_LATER = 1013;

/** `readyState` of a socket of ws from which on it ends. */
const CLOSING = 2;

/** Sends an `exception` event: by socket.io as its own kind of event, by ws as data. */
export function tellClient(client: unknown, sent: object): void {
  if (!isObject(client)) return;
  const { send, emit } = propertiesOf(client);
  if (isNative(client) && typeof send === 'function') {
    send.call(client, JSON.stringify({ event: 'exception', data: sent }));
  } else if (typeof emit === 'function') {
    emit.call(client, 'exception', sent);
  }
}

/** Ends a connection that is refused. */
export function disconnect(client: unknown): void {
  if (!isObject(client)) return;
  const { close, disconnect: leave } = propertiesOf(client);
  if (isNative(client) && typeof close === 'function') close.call(client, TRY_AGAIN_LATER);
  else if (typeof leave === 'function') leave.call(client, true);
}

/** Calls a listener when a connection has ended; at once if that was before. */
export function whenGone(client: unknown, listener: () => void): void {
  if (!isObject(client)) return;
  const { once, readyState, disconnected } = propertiesOf(client);
  if (disconnected === true || (typeof readyState === 'number' && readyState >= CLOSING)) listener();
  else if (typeof once === 'function') once.call(client, isNative(client) ? 'close' : 'disconnect', listener);
}

/** A socket of ws is an event emitter too, whose events stay in the process. */
const isNative = (client: object): boolean => typeof propertiesOf(client)['readyState'] === 'number';
