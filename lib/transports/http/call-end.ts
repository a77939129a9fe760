/** What tells the end of an HTTP call: a response of Node, which Express hands on and Fastify wraps. */
interface Ending {
  readonly destroyed?: boolean;
  once(event: 'close' | 'finish', listener: () => void): unknown;
}

/**
 * Calls a listener when a response is over: when its last byte has left, or its client has gone. At once if that was
 * before. It may be called twice.
 */
export function whenOver(response: object, listener: () => void): void {
  const { raw = response } = response as { readonly raw?: object };
  const ending = raw as Ending;
  if (ending.destroyed === true) return listener();
  ending.once('finish', listener);
  ending.once('close', listener);
}
