import { type ArgumentsHost, Inject, Injectable } from '@nestjs/common';
import { RATE_LIMIT_SETTINGS, type RateLimitSettings } from '../rate-limit.settings.js';
import { GraphqlTransport } from './graphql/graphql.transport.js';
import { HttpTransport } from './http/http.transport.js';
import { RpcTransport } from './rpc/rpc.transport.js';
import type { Caller, RateLimitTransport } from './transport.js';
import { WebSocketTransport } from './websockets/websocket.transport.js';

/** For a call without a transport nothing is known. The caller gets the error itself. */
const ANYTHING_ELSE: RateLimitTransport = { name: 'unknown', owns: () => true };

/** Finds the transport of a call: one of the application's, one of the four that Nest has, or none of them. */
@Injectable()
export class Transports {
  private readonly all: readonly RateLimitTransport[];

  constructor(
    @Inject(RATE_LIMIT_SETTINGS) { transports }: Pick<RateLimitSettings, 'transports'>,
    @Inject(HttpTransport) http: HttpTransport,
    @Inject(GraphqlTransport) graphql: GraphqlTransport,
    @Inject(WebSocketTransport) webSockets: WebSocketTransport,
    @Inject(RpcTransport) rpc: RpcTransport,
  ) {
    this.all = [...transports, http, graphql, webSockets, rpc];
  }

  of(call: ArgumentsHost): RateLimitTransport {
    return this.all.find((transport) => transport.owns(call)) ?? ANYTHING_ELSE;
  }

  callerOf(call: ArgumentsHost): Caller | undefined {
    return this.of(call).caller?.(call);
  }
}
