import type { ExecutionContext } from '@nestjs/common';

/** What the limiter reads of a request; adapters and transports fill in what they have. */
export interface RequestLike {
  readonly ip?: unknown;
  readonly user?: unknown;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly query?: unknown;
  readonly params?: unknown;
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/**
 * The request behind a call, on any transport; `undefined` where there is none.
 *
 * HTTP has it as its first argument, GraphQL in its context as `req` (or `request`), a gateway has the socket.
 */
export function requestOf(context: ExecutionContext): RequestLike | undefined {
  const request = context.getType<string>() === 'graphql' ? graphqlRequest(context) : context.getArgByIndex<unknown>(0);
  return isObject(request) ? request : undefined;
}

/** The HTTP response that headers can be set on; `undefined` on other transports. */
export function responseOf(context: ExecutionContext): object | undefined {
  const response =
    context.getType<string>() === 'graphql'
      ? (graphqlRequest(context) as { res?: unknown } | undefined)?.res
      : context.getType() === 'http' && context.getArgByIndex<unknown>(1);
  return isObject(response) ? response : undefined;
}

function graphqlRequest(context: ExecutionContext): unknown {
  const carried = context.getArgByIndex<{ req?: unknown; request?: unknown } | undefined>(2);
  return carried?.req ?? carried?.request;
}
