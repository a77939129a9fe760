import { jest } from '@jest/globals';
import { Controller, type INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  BackendService,
  BackendUnavailableError,
  CircuitBreakerRegistry,
  type Decision,
  type PolicyInput,
  RateLimit,
  RateLimitGuard,
  RateLimitModule,
  type RateLimitModuleOptions,
} from 'nestjs-floodgate';
import { type ManualClock, manualClock } from '../../support/manual-clock.js';
import { expectNoUnhandled } from '../../support/unhandled.js';
import { httpCall } from '../guard/calls.js';
import { recordingBackend, type RecordingBackend } from '../guard/recording-backend.js';
import { closedGate } from './closed-gate.js';

@Controller()
class LimitedController {
  @RateLimit({ rate: '5/m', key: 'user' })
  own(): void {
    // Called by nobody.
  }

  @RateLimit('login')
  login(): void {
    // Called by nobody.
  }
}

interface Fixture {
  readonly service: BackendService;
  readonly backend: RecordingBackend;
  readonly clock: ManualClock;
  readonly app: INestApplicationContext;
}

async function start(options: RateLimitModuleOptions = {}): Promise<Fixture> {
  const clock = manualClock();
  const backend = recordingBackend({ clock });
  const app = await Test.createTestingModule({
    imports: [
      RateLimitModule.forRoot({
        backend,
        key: 'user',
        policies: {
          login: { rate: '5/m', message: 'Too many logins' },
          search: { rate: '10/m', cost: 3 },
          shadow: { rate: '1/m', mode: 'shadow', failureMode: 'closed' },
          open: { rate: '5/m', failureMode: 'open' },
          dear: { rate: '5/m', cost: () => 2 },
        },
        ...options,
      }),
    ],
    controllers: [LimitedController],
  }).compile();
  await app.init();
  return { service: app.get(BackendService), backend, clock, app };
}

const remaining = ({ policies }: Decision): readonly number[] => policies.map((one) => one.remaining);

const unavailable = (): never => {
  throw new BackendUnavailableError({ backend: 'memory', retryAfterMs: 1 });
};

describe('BackendService', () => {
  describe('consume', () => {
    it.each<[string, PolicyInput | PolicyInput[], number[]]>([
      ['a name', 'login', [4]],
      ['a rate', '3/m', [2]],
      ['options', { limit: 7, window: '1m' }, [6]],
      ['several', ['login', '3/m', { rate: '9/s', algorithm: 'token-bucket' }], [4, 2, 8]],
      ['a name twice, charged once', ['login', 'login'], [4]],
      ['a policy of its own cost', ['search', 'login'], [7, 4]],
    ])('charges by %s', async (_what, policies, left) => {
      const { service } = await start();
      const decision = await service.consume('a', policies);
      expect(decision).toMatchObject({ kind: 'allowed', allowed: true, source: 'primary', backend: 'memory' });
      expect(remaining(decision)).toEqual(left);
    });

    it('charges the cost of the call before that of the policies', async () => {
      const { service } = await start();
      expect(remaining(await service.consume('a', ['search', 'login'], { cost: 2 }))).toEqual([8, 3]);
    });

    it('answers a refusal as a value, and charges none of several then', async () => {
      const { service } = await start();
      await service.consume('a', 'login', { cost: 4 });
      const refused = await service.consume('a', ['search', 'login'], { cost: 2 });
      expect(refused).toMatchObject({
        kind: 'limited',
        allowed: false,
        policies: [{ allowed: true }, { allowed: false }],
      });
      expect(remaining(await service.peek('a', ['search', 'login']))).toEqual([10, 1]);
    });

    it('tells that a cost above the capacity can never pass', async () => {
      const { service } = await start();
      expect(await service.consume('a', 'login', { cost: 6 })).toMatchObject({ kind: 'limited', retryAfterMs: null });
    });

    it('takes keys verbatim, and counts with the guard', async () => {
      const { service, app, backend } = await start();
      await service.consume('user:42', 'login');
      const call = httpCall({ user: { id: 42 } }, { type: LimitedController, method: 'login' });
      await app.get(RateLimitGuard).canActivate(call);
      expect(remaining(await service.peek('user:42', 'login'))).toEqual([3]);
      expect(backend.keys()).toEqual(['user:42', 'user:42']);
    });

    it('counts apart from what a decorator defines', async () => {
      const { service, app } = await start();
      const call = httpCall({ user: { id: 42 } }, { type: LimitedController, method: 'own' });
      await app.get(RateLimitGuard).canActivate(call);
      expect(remaining(await service.peek('user:42', '5/m'))).toEqual([5]);
    });

    it.each<[string, unknown[], RegExp]>([
      ['no policy', ['a', []], /Give at least one policy/],
      ['an unknown name', ['a', 'logni'], /There is no policy of that name/],
      ['a function', ['a', () => '5/m'], /A dynamic policy needs a request/],
      ['a class', ['a', class Plan {}], /A dynamic policy needs a request/],
      [
        'two policies of one name',
        [
          'a',
          [
            { name: 'x', rate: '1/m' },
            { name: 'x', rate: '2/m' },
          ],
        ],
        /Two different/,
      ],
      ['a wrong rate', ['a', '5/minute'], /Give whole units/],
      ['an empty key', ['', 'login'], /must be a string that is not empty; received ''/],
      ['no key', [undefined, 'login'], /must be a string that is not empty; received undefined/],
      ['a number as key', [42, 'login'], /must be a string that is not empty; received number/],
      ['a negative cost', ['a', 'login', { cost: -1 }], /whole number of at least 0; received -1/],
      ['half a unit', ['a', 'login', { cost: 0.5 }], /whole number of at least 0; received 0.5/],
      ['a cost of NaN', ['a', 'login', { cost: Number.NaN }], /whole number of at least 0; received NaN/],
      ['a cost that is a function of a request', ['a', 'dear'], /give options.cost/],
      ['a wrong failure mode', ['a', 'login', { failureMode: 'ajar' }], /'closed', 'open', 'local'/],
      ['a deadline of nothing', ['a', 'login', { timeout: 0 }], /timeout: received 0/],
      ['a deadline no timer can wait for', ['a', 'login', { timeout: '25d' }], /24 days/],
    ])('rejects %s', async (_what, args, message) => {
      const { service, backend } = await start();
      await expect(service.consume(...(args as Parameters<BackendService['consume']>))).rejects.toThrow(message);
      expect(backend.calls).toHaveLength(0);
    });

    it('hands the deadline of the call on', async () => {
      const { service, backend } = await start();
      const consume = jest.spyOn(backend, 'consume');
      await service.consume('a', 'login');
      await service.consume('a', 'login', { timeout: '1s' });
      expect(consume.mock.calls.map(([{ timeoutMs }]) => timeoutMs)).toEqual([250, 1_000]);
    });

    it('is not called for a signal that is aborted already', async () => {
      const { service, backend } = await start();
      const reason = new Error('gone');
      await expect(service.consume('a', 'login', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      expect(backend.calls).toHaveLength(0);
    });

    it('stops waiting when its signal is aborted, and drops what comes later', async () => {
      const { service, backend } = await start();
      const { gate, open } = closedGate();
      backend.consume = async () => {
        await gate;
        throw new Error('late');
      };
      const controller = new AbortController();
      const call = service.consume('a', 'login', { signal: controller.signal });
      const reason = new Error('gone');
      controller.abort(reason);
      await expectNoUnhandled(async () => {
        await expect(call).rejects.toBe(reason);
        open();
      });
    });
  });

  describe('when no backend can decide', () => {
    it.each<[PolicyInput | PolicyInput[], RateLimitModuleOptions['failureMode'], string]>([
      ['login', 'closed', 'error'],
      ['login', 'open', 'unenforced'],
      ['login', 'local', 'local'],
      ['open', 'closed', 'unenforced'],
      [['open', 'login'], 'closed', 'error'],
      [['open', 'login'], 'local', 'local'],
      ['shadow', 'closed', 'unenforced'],
      [['shadow', 'open'], 'closed', 'unenforced'],
    ])('a call under %j in mode %s gets: %s', async (policies, failureMode, expected) => {
      const { service, backend } = await start({ failureMode: failureMode! });
      backend.consume = unavailable;
      const outcome = await service.consume('a', policies).then(
        ({ kind, source }) => (kind === 'unenforced' ? kind : source),
        (error: unknown) => (error instanceof BackendUnavailableError ? 'error' : error),
      );
      expect(outcome).toBe(expected);
    });

    it('the call itself has the last word', async () => {
      const { service, backend } = await start();
      backend.consume = unavailable;
      expect(await service.consume('a', 'login', { failureMode: 'open' })).toMatchObject({
        kind: 'unenforced',
        reason: 'failed-open',
        policies: [],
        source: 'none',
        backend: null,
        cause: expect.any(BackendUnavailableError),
      });
      await expect(service.consume('a', 'open', { failureMode: 'closed' })).rejects.toThrow(BackendUnavailableError);
    });

    it.each(['closed', 'open', 'local'] as const)('a programming error propagates in mode %s', async (failureMode) => {
      const { service, backend } = await start({ failureMode });
      backend.consume = () => {
        throw new TypeError('bug');
      };
      await expect(service.consume('a', 'login')).rejects.toThrow(new TypeError('bug'));
    });
  });

  it('peeks without a charge, and without a cost', async () => {
    const { service } = await start();
    await service.consume('a', ['login', 'search']);
    for (let time = 0; time < 3; time += 1) {
      const decision = await service.peek('a', ['login', 'search', 'dear']);
      expect(decision.allowed).toBe(true);
      expect(remaining(decision)).toEqual([4, 7, 5]);
    }
  });

  it("refunds the policies' own cost, or what it is told, never above the limit", async () => {
    const { service } = await start();
    await service.consume('a', ['login', 'search'], { cost: 5 });
    await service.refund('a', ['login', 'search']);
    expect(remaining(await service.peek('a', ['login', 'search']))).toEqual([1, 8]);
    await service.refund('a', ['login', 'search'], 100);
    expect(remaining(await service.peek('a', ['login', 'search']))).toEqual([5, 10]);
  });

  it('resets the policies it is given for the key it is given', async () => {
    const { service } = await start();
    for (const key of ['a', 'b']) await service.consume(key, ['login', 'search'], { cost: 5 });
    await service.reset('a', 'login');
    expect(remaining(await service.peek('a', ['login', 'search']))).toEqual([5, 5]);
    expect(remaining(await service.peek('b', ['login', 'search']))).toEqual([0, 5]);
  });

  it('decides nothing and charges nothing when the limiter is disabled', async () => {
    const { service, backend } = await start({ enabled: false });
    const disabled = { kind: 'unenforced', reason: 'disabled', allowed: true, policies: [] };
    expect(await service.consume('a', 'login')).toMatchObject(disabled);
    expect(await service.peek('a', 'login')).toMatchObject(disabled);
    await service.refund('a', 'login');
    expect((await service.acquire('a', 'login')).decision).toMatchObject(disabled);
    await expect(service.consume('a', 'logni')).rejects.toThrow('There is no policy');
    expect(backend.calls).toHaveLength(0);
  });

  it('tells its state without asking, and its health by asking', async () => {
    const { service, backend } = await start({ failureMode: 'open', circuitBreaker: { failureThreshold: 1 } });
    expect(service.status()).toMatchObject({
      failureMode: 'open',
      backends: [{ name: 'memory', breaker: { state: 'closed' } }],
    });
    expect(await service.health()).toMatchObject({
      healthy: true,
      backends: [{ name: 'memory', healthy: true, latencyMs: expect.any(Number), breaker: { state: 'closed' } }],
    });
    backend.ping = unavailable;
    const found = await service.health();
    expect(found).toMatchObject({ healthy: false, backends: [{ healthy: false, breaker: { state: 'open' } }] });
    expect(service.status().backends[0]!.breaker!.state).toBe('open');
  });

  it('closes the circuits of the backends when it is told to', async () => {
    const { service, backend, app } = await start({ circuitBreaker: { failureThreshold: 1, recoveryTimeout: '1h' } });
    const { consume } = backend;
    backend.consume = unavailable;
    await expect(service.consume('a', 'login')).rejects.toThrow(BackendUnavailableError);
    backend.consume = consume;
    await expect(service.consume('a', 'login')).rejects.toThrow(BackendUnavailableError);
    service.resetCircuitBreaker();
    expect((await service.consume('a', 'login')).allowed).toBe(true);
    expect(app.get(CircuitBreakerRegistry).get('backend:memory')!.status().state).toBe('closed');
  });

  it('has no breaker to tell of where it is switched off', async () => {
    const { service } = await start({ circuitBreaker: false });
    expect(service.status().backends).toEqual([{ name: 'memory', breaker: null }]);
    expect(() => service.resetCircuitBreaker()).not.toThrow();
  });
});
