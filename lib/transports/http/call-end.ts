/** The source of the end of an HTTP call: a Node response, which Express passes on and Fastify wraps. */
interface Ending {
  readonly destroyed?: boolean;
  readonly headersSent?: boolean;
  readonly statusCode?: number;
  once(event: 'close' | 'finish', listener: () => void): unknown;
}

/**
 * Calls a listener when a response is over: when its last byte has left, or its client has gone. At once if that was
 * before. It may be called twice.
 */
export function whenOver(response: object, listener: () => void): void {
  const ending = endingOf(response);
  if (ending.destroyed === true) return listener();
  ending.once('finish', listener);
  ending.once('close', listener);
}

/** Status that was sent; `undefined` if none was. */
export function statusOf(response: object): number | undefined {
  const { headersSent, statusCode } = endingOf(response);
  return headersSent === true ? statusCode : undefined;
}

function endingOf(response: object): Ending {
  const { raw = response } = response as { readonly raw?: object };
  return raw as Ending;
}
