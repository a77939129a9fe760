import { EventEmitter } from 'node:events';
import { jest } from '@jest/globals';
import { type ExecutionContext, Injectable, Logger, Scope, type Type } from '@nestjs/common';
import { WebSocketGateway } from '@nestjs/websockets';
import {
  BackendUnavailableError,
  type PolicyInput,
  RateLimit,
  RateLimitExceededException,
  type RateLimitModuleOptions,
} from 'nestjs-floodgate';
import { notCounted } from '../../../lib/limiter/decisions.js';
import { expectNoUnhandled } from '../../support/unhandled.js';
import { type LimitedApp, limitedApp } from './limited-app.js';

/** A client of socket.io as far as the limiter sees it, which keeps what it is told. */
class FakeClient extends EventEmitter {
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

@WebSocketGateway()
class Chat {
  handleConnection(client: FakeClient, ...args: unknown[]): unknown {
    client.told.push('greeted');
    return args;
  }
}

const CONNECT = { policies: { connections: '2/m' }, connect: 'connections' };
const REFUSED = ['RATE_LIMITED', 'disconnected'];

const appOf = (options?: RateLimitModuleOptions, ...gateways: Type[]): Promise<LimitedApp> =>
  limitedApp({ providers: gateways.length === 0 ? [Chat] : gateways }, options);

/** A client connects to a gateway; what it is told by then. */
async function connect(app: LimitedApp, type: Type<object> = Chat, client = new FakeClient()): Promise<unknown[]> {
  await (app.get(type) as Chat).handleConnection(client);
  return client.told;
}

/** A gateway with a policy of its own. */
function gatewayUnder(...policies: PolicyInput[]): typeof Chat {
  @WebSocketGateway()
  class Limited extends Chat {
    @RateLimit(...policies)
    override handleConnection(client: FakeClient): unknown {
      return super.handleConnection(client);
    }
  }
  return Limited;
}

let errors: jest.SpiedFunction<Logger['error']>;
beforeEach(() => {
  errors = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
});
afterEach(() => {
  errors.mockRestore();
});

describe('a connection', () => {
  it('is refused beyond the limit of connect: the gateway does not hear of it', async () => {
    const app = await appOf(CONNECT);
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
    const app = await appOf(options);
    const client = new FakeClient();
    expect(app.get(Chat).handleConnection(client, 'request', 2)).toEqual(['request', 2]);
    expect(client.told).toEqual(['greeted']);
  });

  it.each<[string, RateLimitModuleOptions]>([
    ['enabled', { enabled: false }],
    ['bindGuard', { bindGuard: false }],
  ])('is not counted where %s is false', async (_option, options) => {
    const app = await appOf({ ...CONNECT, ...options });
    for (let time = 0; time < 3; time += 1) expect(await connect(app)).toEqual(['greeted']);
    expect(app.backend.calls).toEqual([]);
  });

  it('is counted for a gateway that says nothing of connections', async () => {
    @WebSocketGateway()
    class Silent {}
    const app = await appOf(CONNECT, Silent);
    const told = [await connect(app, Silent), await connect(app, Silent), await connect(app, Silent)];
    expect(told).toEqual([[], [], REFUSED]);
  });

  it.each([Scope.REQUEST, Scope.TRANSIENT])('does not keep a gateway of scope %s from its start', async (scope) => {
    @Injectable({ scope })
    @WebSocketGateway()
    class Scoped {}
    await expect(appOf(CONNECT, Scoped)).resolves.toBeDefined();
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
    const app = await appOf(CONNECT, Chat, Limited);
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
    const app = await appOf({}, Chat, Limited);
    expect(await connect(app, Limited)).toEqual(['greeted']);
    expect(await connect(app, Limited)).toEqual(REFUSED);
  });

  it('is not counted by what the class of the gateway declares for messages', async () => {
    @RateLimit('1/m')
    @WebSocketGateway()
    class Limited extends Chat {}
    const app = await appOf({}, Limited);
    expect([await connect(app, Limited), await connect(app, Limited)]).toEqual([['greeted'], ['greeted']]);
  });

  it('is limited by the address of the request that opened its socket', async () => {
    const app = await appOf(CONNECT);
    const upgrade = { headers: {}, socket: { remoteAddress: '192.0.2.7' } };
    app.get(Chat).handleConnection(new FakeClient(), upgrade);
    expect(app.backend.keys()).toEqual(['ip:192.0.2.7']);
  });
});

const unavailable = (): never => {
  throw new BackendUnavailableError({ backend: 'memory' });
};

const exceeded = (): never => {
  throw new RateLimitExceededException({
    ...notCounted('skipped'),
    allowed: false,
    kind: 'limited',
    retryAfterMs: 1,
  } as never);
};

describe.each<[string, (act: () => unknown) => unknown]>([
  ['at once', (act) => act()],
  ['later', async (act) => act()],
])('a connection that fails %s', (_when, run) => {
  const failing = (act: () => unknown): Type<object> =>
    gatewayUnder({ rate: '9/m', key: (_context: ExecutionContext) => run(act) as string });

  const greeting = (act: () => unknown): Type<object> => {
    @WebSocketGateway()
    class Greeting {
      handleConnection(): unknown {
        return run(act);
      }
    }
    return Greeting;
  };

  const bug = new TypeError('bug');
  const broken = (): never => {
    throw bug;
  };

  it.each([
    ['a key', failing],
    ['the gateway', greeting],
  ])('is ended and logged where %s throws', async (_what, gatewayOf) => {
    const Gateway = gatewayOf(broken);
    const app = await appOf(CONNECT, Gateway);
    expect(await connect(app, Gateway)).toEqual(['disconnected']);
    expect(errors.mock.calls).toEqual([[bug]]);
  });

  it.each<[string, () => never, string]>([
    ['an outage', unavailable, 'BACKEND_UNAVAILABLE'],
    ['a refusal', exceeded, 'RATE_LIMITED'],
  ])('is told, and not logged, for %s', async (_what, act, code) => {
    for (const Gateway of [failing(act), greeting(act)]) {
      expect(await connect(await appOf(CONNECT, Gateway), Gateway)).toEqual([code, 'disconnected']);
    }
    expect(errors).not.toHaveBeenCalled();
  });

  it('leaves nothing unhandled', async () => {
    const Gateway = failing(broken);
    const app = await appOf({}, Gateway);
    await expectNoUnhandled(() => connect(app, Gateway));
  });
});

describe('a connection that holds a slot', () => {
  const start = (queue?: { size: number; maxWait: string }): Promise<LimitedApp> =>
    appOf({
      policies: { sockets: { limit: 1, algorithm: 'concurrency', leaseTime: '1m', ...(queue && { queue }) } },
      connect: 'sockets',
    });

  it('holds it until it has gone', async () => {
    const app = await start();
    const client = new FakeClient();
    expect(await connect(app, Chat, client)).toEqual(['greeted']);
    expect(await connect(app)).toEqual(REFUSED);
    client.leave();
    expect(await connect(app)).toEqual(['greeted']);
  });

  it('leaves the queue when it goes, and the gateway never hears of it', async () => {
    const app = await start({ size: 5, maxWait: '20s' });
    const [first, gone, next] = [new FakeClient(), new FakeClient(), new FakeClient()];
    await connect(app, Chat, first);
    const waiting = [connect(app, Chat, gone), connect(app, Chat, next)];
    gone.leave();
    first.leave();
    await Promise.all(waiting);
    expect([gone.told, next.told]).toEqual([['disconnected'], ['greeted']]);
    expect(errors).not.toHaveBeenCalled();
  });

  it('gives it back at once if it had gone before', async () => {
    const app = await start();
    const gone = new FakeClient();
    gone.leave();
    expect(await connect(app, Chat, gone)).toEqual(['disconnected']);
    expect(await connect(app)).toEqual(['greeted']);
  });
});
