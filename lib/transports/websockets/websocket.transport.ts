import { type ArgumentsHost, Inject, Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { addressOfUpgrade, isUpgradeRequest } from '../http/upgrade.js';
import { errorObject } from '../refusal.js';
import { isObject, propertiesOf } from '../structure.js';
import type { Caller, RateLimitTransport, Refusal } from '../transport.js';
import { tellClient } from './client.js';

/** Messages to gateways, of socket.io and of ws. Of a message itself nothing is believed. */
@Injectable()
export class WebSocketTransport implements RateLimitTransport {
  readonly name = 'ws';
  /** The requests by which sockets were opened, of clients that do not keep theirs. */
  private readonly upgrades = new WeakMap<object, unknown>();

  constructor(@Inject(HttpAdapterHost) private readonly host: HttpAdapterHost) {}

  owns(call: ArgumentsHost): boolean {
    return call.getType() === 'ws';
  }

  caller(call: ArgumentsHost): Caller | undefined {
    const client = call.getArgByIndex<unknown>(0);
    if (!isObject(client)) return undefined;
    const { user, data } = propertiesOf(client);
    const { address, headers } = this.handshakeOf(client);
    return {
      ip: address,
      user: user ?? propertiesOf(data)['user'],
      ...(isObject(headers) && { headers: { ...headers } }),
    };
  }

  /** An `exception` event; where the client asked for an acknowledgement, that carries it too. */
  answer(call: ArgumentsHost, refusal: Refusal): undefined {
    const [client, ...args] = call.getArgs<unknown[]>();
    const sent = errorObject(refusal);
    tellClient(client, sent);
    const acknowledge = args.find((arg) => typeof arg === 'function') as ((answer: object) => void) | undefined;
    acknowledge?.(sent);
    return undefined;
  }

  /** Keeps the request that opened a socket of ws, which alone knows the proxies on its way. */
  connected(client: object, upgrade: unknown): void {
    if (isUpgradeRequest(upgrade)) this.upgrades.set(client, upgrade);
  }

  private handshakeOf(client: object): { readonly address: unknown; readonly headers: unknown } {
    const { request, handshake, _socket: socket } = propertiesOf(client);
    const upgrade = this.upgrades.get(client) ?? request;
    const { address, headers } = propertiesOf(handshake);
    if (!isUpgradeRequest(upgrade)) return { address: address ?? propertiesOf(socket)['remoteAddress'], headers };
    return { address: addressOfUpgrade(this.host, upgrade) ?? address, headers: upgrade.headers };
  }
}
