import { jest } from '@jest/globals';
import { type ExecutionContext, Logger, type Type } from '@nestjs/common';
import { WebSocketGateway } from '@nestjs/websockets';
import { BackendUnavailableError, RateLimitExceededException } from 'nestjs-floodgate';
import { notCounted } from '../../../lib/limiter/decisions.js';
import { expectNoUnhandled } from '../../support/unhandled.js';
import { Chat, CONNECT, connect, FakeClient, gatewayApp, gatewayUnder, REFUSED } from './gateway-app.js';
import type { LimitedApp } from './limited-app.js';

let errors: jest.SpiedFunction<Logger['error']>;
beforeEach(() => {
  errors = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
});
afterEach(() => {
  errors.mockRestore();
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
    const app = await gatewayApp(CONNECT, Gateway);
    expect(await connect(app, Gateway)).toEqual(['disconnected']);
    expect(errors.mock.calls).toEqual([[bug]]);
    expect(errors.mock.contexts[0]).toMatchObject({ context: 'RateLimit' });
  });

  it.each<[string, () => never, string]>([
    ['an outage', unavailable, 'BACKEND_UNAVAILABLE'],
    ['a refusal', exceeded, 'RATE_LIMITED'],
  ])('is told, and not logged, for %s', async (_what, act, code) => {
    for (const Gateway of [failing(act), greeting(act)]) {
      expect(await connect(await gatewayApp(CONNECT, Gateway), Gateway)).toEqual([code, 'disconnected']);
    }
    expect(errors).not.toHaveBeenCalled();
  });

  it('leaves nothing unhandled', async () => {
    const Gateway = failing(broken);
    const app = await gatewayApp({}, Gateway);
    await expectNoUnhandled(() => connect(app, Gateway));
  });
});

describe('a connection that holds a slot', () => {
  const start = (queue?: { size: number; maxWait: string }): Promise<LimitedApp> =>
    gatewayApp({
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
