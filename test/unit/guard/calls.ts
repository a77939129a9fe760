import type { ExecutionContext } from '@nestjs/common';
import type { HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import type { Route } from '../../../lib/guard/route-plan.js';
import { FastifyReplies } from '../../../lib/transports/graphql/fastify-replies.js';
import { GraphqlTransport } from '../../../lib/transports/graphql/graphql.transport.js';
import { HttpTransport } from '../../../lib/transports/http/http.transport.js';
import { RpcTransport } from '../../../lib/transports/rpc/rpc.transport.js';
import type { RateLimitTransport } from '../../../lib/transports/transport.js';
import { Transports } from '../../../lib/transports/transports.js';
import { WebSocketTransport } from '../../../lib/transports/websockets/websocket.transport.js';

/** A handler and its class, to make calls of. */
export interface Target {
  readonly type: new (...args: never[]) => object;
  readonly method: string;
}

class Anything {
  handle(): void {
    // Called by nobody.
  }
}

const ANYTHING: Target = { type: Anything, method: 'handle' };

/** The context of a call as Nest hands it to guards. */
export function callOf(type: string, args: unknown[], { type: Class, method }: Target = ANYTHING): ExecutionContext {
  const handler = (Class.prototype as Record<string, () => unknown>)[method]!;
  const context = new ExecutionContextHost(args, Class, handler);
  context.setType(type);
  return context;
}

/** An HTTP call of Express, as far as the limiter sees it. */
export function httpCall(request: object = {}, target?: Target): ExecutionContext {
  return callOf('http', [{ ip: '192.0.2.1', ...request }, fakeResponse(), () => undefined], target);
}

/** The transports of an application without an HTTP server. */
export function transportsOf(...own: RateLimitTransport[]): Transports {
  const host = {} as HttpAdapterHost;
  const http = new HttpTransport({ headers: 'standard', problemDetails: false }, host);
  const replies = new FastifyReplies(host, new Map() as unknown as ModulesContainer);
  const graphql = new GraphqlTransport({ headers: 'standard' }, host, replies);
  return new Transports({ transports: own }, http, graphql, new WebSocketTransport(host), new RpcTransport());
}

/** Names handlers by their class and method, as an application does whose classes have different names. */
export const routes = { labelOf: ({ type, handler }: Route): string => `${type.name}.${handler.name}` };

/** A response that keeps its headers, as Express and Fastify set them. */
export interface FakeResponse {
  readonly headers: Record<string, string>;
  header(name: string, value: string): void;
  set(name: string, value: string): void;
}

export function fakeResponse(): FakeResponse {
  const headers: Record<string, string> = {};
  const header = (name: string, value: string): void => void (headers[name] = value);
  return { headers, header, set: header };
}
