import { type HealthIndicatorService, TerminusModule } from '@nestjs/terminus';
import { Test } from '@nestjs/testing';
import {
  type Backend,
  BackendService,
  BackendUnavailableError,
  CircuitBreakerRegistry,
  failoverBackend,
  memoryBackend,
  RateLimitModule,
  type RateLimitModuleOptions,
} from 'nestjs-floodgate';
import { RateLimitHealthIndicator } from 'nestjs-floodgate/terminus';
import { eventually } from '../../../support/eventually.js';

const unavailable = (): never => {
  throw new BackendUnavailableError({
    backend: 'memory',
    cause: Object.assign(new Error('at 10.0.0.1'), { code: 'ECONNREFUSED' }),
  });
};

interface Switchable extends Backend {
  down: boolean;
}

function switchable(name: string): Switchable {
  const { consume, ping } = memoryBackend({ name });
  const backend = Object.assign(memoryBackend({ name }), { down: false });
  return Object.assign(backend, {
    consume: (request: Parameters<typeof consume>[0]) =>
      backend.down ? unavailable() : consume.call(backend, request),
    ping: (signal: AbortSignal) => (backend.down ? unavailable() : ping.call(backend, signal)),
  });
}

async function start(options: RateLimitModuleOptions) {
  const app = await Test.createTestingModule({
    imports: [TerminusModule, RateLimitModule.forRoot({ circuitBreaker: { failureThreshold: 2 }, ...options })],
    providers: [RateLimitHealthIndicator],
  }).compile();
  app.useLogger(false);
  await app.init();
  const indicator = app.get(RateLimitHealthIndicator);
  return {
    app,
    service: app.get(BackendService),
    registry: app.get(CircuitBreakerRegistry),
    check: async () => inWordsOf12((await indicator.isHealthy('limiter'))['limiter']!),
  };
}

/** Terminus 11 has no status `degraded`: there it is up, and a detail tells. */
function inWordsOf12<Check extends { readonly status: string }>(check: Check): Check {
  return 'degraded' in check ? { ...check, status: 'degraded' } : check;
}

describe('the health indicator', () => {
  it('is up while the backend can decide, and tells of it', async () => {
    const { check } = await start({});
    expect(await check()).toEqual({
      status: 'up',
      backends: { memory: { state: 'closed', failures: 0, nextAttemptAt: null, latencyMs: expect.any(Number) } },
    });
  });

  it.each([
    ['closed', 'down'],
    ['open', 'degraded'],
    ['local', 'degraded'],
  ] as const)('in failure mode %s is %s once the circuit is open, and not before', async (failureMode, status) => {
    const backend = switchable('memory');
    const { check, service } = await start({ backend, failureMode });
    backend.down = true;
    expect(await check()).toMatchObject({ status: 'up', backends: { memory: { state: 'closed', failures: 1 } } });
    const found = await check();
    expect(found).toMatchObject({
      status,
      backends: { memory: { state: 'open', nextAttemptAt: expect.stringMatching(/^\d{4}-.*Z$/) } },
    });
    expect(JSON.stringify(found)).not.toContain('10.0.0.1');
    backend.down = false;
    service.resetCircuitBreaker();
    expect((await check()).status).toBe('up');
  });

  it('finds out without traffic that a backend is back', async () => {
    const backend = switchable('memory');
    let nowMs = 0;
    const circuitBreaker = { failureThreshold: 1, recoveryTimeout: '5s', jitter: 0, clock: () => nowMs };
    const { check } = await start({ backend, circuitBreaker });
    backend.down = true;
    expect((await check()).status).toBe('down');
    backend.down = false;
    expect((await check()).status).toBe('down');
    nowMs = 5_000;
    expect((await check()).status).toBe('up');
  });

  it('goes by the ping where there is no breaker', async () => {
    const backend = switchable('memory');
    const { check } = await start({ backend, circuitBreaker: false });
    expect((await check()).status).toBe('up');
    backend.down = true;
    expect(await check()).toMatchObject({
      status: 'down',
      backends: { memory: { state: 'down', error: 'ECONNREFUSED' } },
    });
  });

  it('goes by the ping where the breaker is disabled', async () => {
    const backend = switchable('memory');
    const { check, registry } = await start({ backend });
    registry.get('backend:memory')?.disable();
    backend.down = true;
    expect(await check()).toMatchObject({ status: 'down' });
  });

  it('is up while one member of a failover can decide, and tells of each', async () => {
    const [first, second] = [switchable('first'), switchable('second')];
    const { check } = await start({
      backend: failoverBackend([first, second]),
      circuitBreaker: { failureThreshold: 1 },
    });
    first.down = true;
    expect(await check()).toMatchObject({
      status: 'up',
      backends: { first: { state: 'open' }, second: { state: 'closed' } },
    });
    second.down = true;
    expect((await check()).status).toBe('down');
  });

  it.each(['closed', 'open'] as const)(
    'is degraded, never down, while the policy store is away, in failure mode %s',
    async (failureMode) => {
      const store = { name: 'store', away: false };
      const read = () => (store.away ? Promise.reject(new Error('at 10.0.0.1')) : Promise.resolve(undefined));
      const policyStore = { ...store, read, change: unavailable, close: () => Promise.resolve() };
      const { check, app } = await start({ failureMode, policyStore });
      expect(await check()).toMatchObject({ status: 'up', policyStore: { healthy: true } });
      store.away = true;
      await eventually(async () => (await check()).status === 'degraded');
      const found = await check();
      expect(found).toMatchObject({ policyStore: { healthy: false }, backends: { memory: { state: 'closed' } } });
      expect(JSON.stringify(found)).not.toContain('10.0.0.1');
      store.away = false;
      await eventually(async () => (await check()).status === 'up');
      await app.close();
    },
  );

  it('is up, and says that it is degraded, for a Terminus that lacks the word', async () => {
    const backend = switchable('memory');
    const { service } = await start({ backend, failureMode: 'open', circuitBreaker: { failureThreshold: 1 } });
    backend.down = true;
    const check = (key: string) => ({
      up: (details: object) => ({ [key]: { status: 'up', ...details } }),
      down: () => ({ [key]: { status: 'down' } }),
    });
    const indicator = new RateLimitHealthIndicator({ check } as unknown as HealthIndicatorService, service);
    expect(await indicator.isHealthy('limiter')).toMatchObject({
      limiter: { status: 'up', degraded: true, backends: { memory: { state: 'open' } } },
    });
  });
});
