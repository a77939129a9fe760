import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Controller, type INestApplicationContext, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClientProxyFactory, MessagePattern, type MicroserviceOptions, Transport } from '@nestjs/microservices';
import { WsAdapter } from '@nestjs/platform-ws';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { BackendService, type CallOutcome, type PolicyOptions, RateLimit, RateLimitModule } from 'nestjs-floodgate';
import { concat, firstValueFrom, lastValueFrom, type Observable, of, throwError } from 'rxjs';
import { WebSocket } from 'ws';
import { eventually } from '../../support/eventually.js';
import { freePort } from '../../support/free-port.js';

const judged: CallOutcome[] = [];

const policies: Record<string, PolicyOptions> = {
  failures: { rate: '5/h', key: 'global', chargeOn: 'failure' },
  judged: {
    rate: '100/h',
    key: 'global',
    chargeOn: (outcome) => {
      judged.push(outcome);
      return 7;
    },
  },
};

const broken = new Error('broken');

@Controller()
class Handlers {
  @RateLimit('failures')
  @MessagePattern('call')
  call(how: string): Observable<string> {
    const failing = throwError(() => broken);
    if (how === 'fail') return failing;
    return how === 'break' ? concat(of('first'), failing) : of('first', 'last');
  }

  @RateLimit('judged')
  @MessagePattern('judge')
  judge(): Observable<string> {
    return of('first', 'last');
  }
}

@WebSocketGateway()
class Gateway {
  @RateLimit('failures', 'judged')
  @SubscribeMessage('call')
  call(@MessageBody() how: string): object {
    if (how === 'fail') throw broken;
    return { event: 'answer', data: how };
  }
}

@Module({ imports: [RateLimitModule.forRoot({ policies })], controllers: [Handlers] })
class MessagesModule {}

@Module({ imports: [RateLimitModule.forRoot({ policies })], providers: [Gateway] })
class GatewayModule {}

const leftOf = async (app: INestApplicationContext, policy: string): Promise<number> =>
  (await app.get(BackendService).peek('global', policy)).policies[0]!.remaining;

beforeEach(() => {
  judged.length = 0;
});

it('a policy with chargeOn judges messages of microservices by how their handler ends', async () => {
  const port = await freePort();
  const options: MicroserviceOptions = { transport: Transport.TCP, options: { host: '127.0.0.1', port } };
  const app = await NestFactory.createMicroservice(MessagesModule, { ...options, logger: false });
  await app.listen();
  const client = ClientProxyFactory.create({ transport: Transport.TCP, options: { host: '127.0.0.1', port } });
  const send = (pattern: string, data: string): Promise<string> => lastValueFrom(client.send<string>(pattern, data));
  try {
    for (let call = 0; call < 10; call += 1) expect(await send('call', 'whole')).toBe('last');
    await eventually(async () => (await leftOf(app, 'failures')) === 5);
    await expect(send('call', 'fail')).rejects.toBeDefined();
    await expect(send('call', 'break')).rejects.toBeDefined();
    await eventually(async () => (await leftOf(app, 'failures')) === 3);
    await firstValueFrom(client.send('judge', ''));
    await eventually(async () => (await leftOf(app, 'judged')) === 93);
    expect(judged).toEqual([{ result: 'last' }]);
  } finally {
    client.close();
    await app.close();
  }
});

it('a policy with chargeOn judges messages to gateways, texts too', async () => {
  const app = await NestFactory.create(GatewayModule, { logger: false });
  app.useWebSocketAdapter(new WsAdapter(app));
  await app.listen(0, '127.0.0.1');
  const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
  const socket = new WebSocket(`ws://127.0.0.1:${port}`);
  try {
    await once(socket, 'open');
    const send = async (how: string): Promise<void> => {
      const answered = once(socket, 'message');
      socket.send(JSON.stringify({ event: 'call', data: how }));
      await answered;
    };
    for (let call = 0; call < 10; call += 1) await send('succeed');
    await eventually(async () => (await leftOf(app, 'failures')) === 5);
    // On ws, Nest 11 does not tell the client of an error.
    socket.send(JSON.stringify({ event: 'call', data: 'fail' }));
    await eventually(() => judged.length === 11);
    expect(await leftOf(app, 'failures')).toBe(4);
    expect(await leftOf(app, 'judged')).toBe(100 - 11 * 7);
    expect(judged[0]).toEqual({ result: { event: 'answer', data: 'succeed' } });
    expect(judged[10]).toEqual({ error: broken });
  } finally {
    socket.close();
    await app.close();
  }
});
