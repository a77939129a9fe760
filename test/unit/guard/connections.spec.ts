import { jest } from '@jest/globals';
import { Injectable, Logger, Scope } from '@nestjs/common';
import { WebSocketGateway } from '@nestjs/websockets';
import { RateLimit, type RateLimitModuleOptions } from 'nestjs-floodgate';
import { Chat, CONNECT, connect, FakeClient, gatewayApp, gatewayUnder, REFUSED } from './gateway-app.js';
import { limitedApp } from './limited-app.js';

let errors: jest.SpiedFunction<Logger['error']>;
beforeEach(() => {
  errors = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
});
afterEach(() => {
  errors.mockRestore();
});

describe('a connection', () => {
  it('is refused beyond the limit of connect: the gateway does not hear of it', async () => {
    const app = await gatewayApp(CONNECT);
    const told = [await connect(app), await connect(app), await connect(app)];
    expect(told).toEqual([['greeted'], ['greeted'], REFUSED]);
    const elsewhere = new FakeClient({ address: '192.0.2.2' });
    expect(await connect(app, Chat, elsewhere)).toEqual(['greeted']);
    expect(errors).not.toHaveBeenCalled();
  });

  it.each<[string, RateLimitModuleOptions]>([
    ['no limit applies', {}],
    ['a limit allows it', CONNECT],
    ['the limiter is disabled', { ...CONNECT, enabled: false }],
  ])('reaches the gateway with all that Nest hands it, at once, where %s', async (_where, options) => {
    const app = await gatewayApp(options);
    const client = new FakeClient();
    expect(app.get(Chat).handleConnection(client, 'request', 2)).toEqual(['request', 2]);
    expect(client.told).toEqual(['greeted']);
  });

  it.each<[string, RateLimitModuleOptions]>([
    ['enabled', { enabled: false }],
    ['bindGuard', { bindGuard: false }],
  ])('is not counted where %s is false', async (_option, options) => {
    const app = await gatewayApp({ ...CONNECT, ...options });
    for (let time = 0; time < 3; time += 1) expect(await connect(app)).toEqual(['greeted']);
    expect(app.backend.calls).toEqual([]);
  });

  it('is counted for a gateway that says nothing of connections', async () => {
    @WebSocketGateway()
    class Silent {}
    const app = await gatewayApp(CONNECT, Silent);
    const told = [await connect(app, Silent), await connect(app, Silent), await connect(app, Silent)];
    expect(told).toEqual([[], [], REFUSED]);
  });

  it.each([Scope.REQUEST, Scope.TRANSIENT])('does not keep a gateway of scope %s from its start', async (scope) => {
    @Injectable({ scope })
    @WebSocketGateway()
    class Scoped {}
    await expect(gatewayApp(CONNECT, Scoped)).resolves.toBeDefined();
  });

  it('does not wrap what is no gateway', async () => {
    class Plain {
      handleConnection(): string {
        return 'plain';
      }
    }
    const { handleConnection } = Plain.prototype;
    const providers = [Plain, { provide: 'value', useValue: 1 }];
    const app = await limitedApp({ providers }, CONNECT);
    expect(app.get(Plain).handleConnection).toBe(handleConnection);
  });

  it('is counted once by connect where two gateways share a server, and by each one’s own', async () => {
    const Limited = gatewayUnder({ name: 'own', rate: '9/m' });
    const app = await gatewayApp(CONNECT, Chat, Limited);
    const client = new FakeClient();
    await connect(app, Chat, client);
    await connect(app, Limited, client);
    const counted = app.backend.calls.map((charges) => charges.map(({ policy }) => policy.name));
    expect(counted).toEqual([['connections'], ['own']]);
    await connect(app, Limited);
    expect(app.backend.calls[2]?.map(({ policy }) => policy.name)).toEqual(['connections', 'own']);
  });

  it('is counted once where a gateway does what its parent does, which is a gateway too', async () => {
    const Limited = gatewayUnder({ name: 'own', limit: 1, algorithm: 'concurrency', leaseTime: '1m' });
    const app = await gatewayApp({}, Chat, Limited);
    expect(await connect(app, Limited)).toEqual(['greeted']);
    expect(await connect(app, Limited)).toEqual(REFUSED);
  });

  it('is not counted by what the class of the gateway declares for messages', async () => {
    @RateLimit('1/m')
    @WebSocketGateway()
    class Limited extends Chat {}
    const app = await gatewayApp({}, Limited);
    expect([await connect(app, Limited), await connect(app, Limited)]).toEqual([['greeted'], ['greeted']]);
  });

  it('is limited by the address of the request that opened its socket', async () => {
    const app = await gatewayApp(CONNECT);
    const upgrade = { headers: {}, socket: { remoteAddress: '192.0.2.7' } };
    app.get(Chat).handleConnection(new FakeClient(), upgrade);
    expect(app.backend.keys()).toEqual(['ip:192.0.2.7']);
  });
});
