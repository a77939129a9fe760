import { EventEmitter } from 'node:events';
import type { Type } from '@nestjs/common';
import { WebSocketGateway } from '@nestjs/websockets';
import { type PolicyInput, RateLimit, type RateLimitModuleOptions } from 'nestjs-floodgate';
import { type LimitedApp, limitedApp } from './limited-app.js';

/** A client of socket.io as far as the limiter sees it, which keeps what it is told. */
export class FakeClient extends EventEmitter {
  readonly told: unknown[] = [];
  disconnected = false;
  constructor(readonly handshake = { address: '192.0.2.1' }) {
    super();
  }
  override emit(event: string, ...data: unknown[]): boolean {
    if (event !== 'exception') return super.emit(event, ...data);
    this.told.push((data[0] as { code: unknown }).code);
    return true;
  }
  disconnect(isWhole: boolean): void {
    this.told.push(isWhole ? 'disconnected' : 'left');
  }
  /** It goes by itself. */
  leave(): void {
    this.disconnected = true;
    super.emit('disconnect');
  }
}

/** A gateway that greets its clients. */
@WebSocketGateway()
export class Chat {
  handleConnection(client: FakeClient, ...args: unknown[]): unknown {
    client.told.push('greeted');
    return args;
  }
}

/** Two connections a minute. */
export const CONNECT = { policies: { connections: '2/m' }, connect: 'connections' };
/** What a client is told that is refused. */
export const REFUSED = ['RATE_LIMITED', 'disconnected'];

/** An application with some gateways; without any, with one that greets. */
export const gatewayApp = (options?: RateLimitModuleOptions, ...gateways: Type[]): Promise<LimitedApp> =>
  limitedApp({ providers: gateways.length === 0 ? [Chat] : gateways }, options);

/** A client connects to a gateway; what it is told by then. */
export async function connect(
  app: LimitedApp,
  type: Type<object> = Chat,
  client = new FakeClient(),
): Promise<unknown[]> {
  await (app.get(type) as Chat).handleConnection(client);
  return client.told;
}

/** A gateway with a policy of its own. */
export function gatewayUnder(...policies: PolicyInput[]): typeof Chat {
  @WebSocketGateway()
  class Limited extends Chat {
    @RateLimit(...policies)
    override handleConnection(client: FakeClient): unknown {
      return super.handleConnection(client);
    }
  }
  return Limited;
}
