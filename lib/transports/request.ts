import type { ExecutionContext } from '@nestjs/common';

/** What the limiter reads of a request; adapters and transports fill in what they have. */
export interface RequestLike {
  readonly ip?: unknown;
  readonly user?: unknown;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly query?: unknown;
  readonly params?: unknown;
  readonly body?: unknown;
}

/** What GraphQL drivers and their users put into a call's context. */
interface GraphqlCarrier {
  readonly req?: unknown;
  readonly request?: unknown;
  readonly res?: unknown;
  readonly reply?: unknown;
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/**
 * The request behind a call, on any transport; `undefined` where there is none.
 *
 * HTTP has it as its first argument, GraphQL in its context as `req` (or `request`), a gateway has the socket. Of what
 * is sent by RPC only `user` is read, where guards put whom they know: the rest is the sender's to make up.
 */
export function requestOf(context: ExecutionContext): RequestLike | undefined {
  switch (context.getType<string>()) {
    case 'graphql': {
      const carrier = graphqlCarrier(context);
      return asObject(carrier?.req ?? carrier?.request);
    }
    case 'rpc': {
      const payload = asObject(context.getArgByIndex(0)) as RequestLike | undefined;
      return payload && { user: payload.user };
    }
    default:
      return asObject(context.getArgByIndex(0));
  }
}

/** The HTTP response that headers can be set on; `undefined` on other transports. */
export function responseOf(context: ExecutionContext): object | undefined {
  const response = context.getType<string>() === 'graphql' ? graphqlResponse(context) : httpResponse(context);
  return takesHeaders(response) ? response : undefined;
}

/**
 * What is there once for each call, and is handed to all that have a part in it: the request; elsewhere the last object
 * among the arguments, which is the field resolved, the message, or the context of one. `undefined` if there is none.
 */
export function identityOf(context: ExecutionContext): object | undefined {
  const args = context.getArgs<unknown[]>();
  return context.getType() === 'http' ? asObject(args[0]) : asObject(args.findLast(isObject));
}

const asObject = (value: unknown): object | undefined => (isObject(value) ? value : undefined);

const graphqlCarrier = (context: ExecutionContext): GraphqlCarrier | undefined => asObject(context.getArgByIndex(2));

function graphqlResponse(context: ExecutionContext): unknown {
  const carrier = graphqlCarrier(context);
  return carrier?.res ?? carrier?.reply ?? (asObject(carrier?.req) as GraphqlCarrier | undefined)?.res;
}

const httpResponse = (context: ExecutionContext): unknown =>
  context.getType() === 'http' ? context.getArgByIndex<unknown>(1) : undefined;

/** Whether something is a response of Express or Fastify: what calls itself `http` may be called by hand. */
const takesHeaders = (response: unknown): response is object =>
  isObject(response) && typeof (response as { header?: unknown }).header === 'function';
