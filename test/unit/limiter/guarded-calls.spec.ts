import { memoryBackend } from '../../../lib/backends/memory/memory.backend.js';
import type { Backend } from '../../../lib/contracts/backend.js';
import { RateLimitConfigurationError } from '../../../lib/contracts/errors.js';
import type { RateLimitEvent } from '../../../lib/contracts/events.js';
import { GuardedBackend, type GuardSettings } from '../../../lib/limiter/guarded-backend.js';
import { RateLimitEvents } from '../../../lib/observe/rate-limit-events.js';
import { oneCall, refused, ScriptedBackend } from './failover/scripted-backend.js';

const replacing = (verbs: Partial<Backend>): Backend => Object.assign(memoryBackend(), verbs);

/** A guard that has joined an application, and what the application hears. */
function connected(inner: Backend, settings: Partial<GuardSettings> = {}) {
  const guard = new GuardedBackend(inner);
  const heard: RateLimitEvent[] = [];
  guard.connect({ circuitBreaker: {}, timeoutMs: 50, notify: (event) => heard.push(event), ...settings });
  return { guard, heard };
}

describe('the calls of a guard', () => {
  const verbs: readonly (readonly [string, (guard: GuardedBackend) => unknown])[] = [
    ['consume', (guard) => guard.consume(oneCall())],
    ['peek', (guard) => guard.peek(oneCall())],
    ['refund', (guard) => guard.refund(oneCall())],
    ['renew', (guard) => guard.renew(oneCall())],
    ['reset', (guard) => guard.reset(oneCall())],
    ['ping', (guard) => guard.pingWithin(50)],
    ['ping', (guard) => guard.ping(AbortSignal.timeout(50))],
  ];

  /** Hears each call of a scripted backend that renews. */
  function observed() {
    const inner = Object.assign(new ScriptedBackend('store'), { renew: () => inner.ping() });
    const events = new RateLimitEvents();
    const calls: object[] = [];
    events.on((event) => {
      if (event.kind === 'backend-call') calls.push([event.backend, event.verb, event.outcome]);
    });
    return { inner, events, calls, ...connected(inner, { events, circuitBreaker: false }) };
  }

  it.each(verbs)('are reported: %s, and what became of it', async (verb, call) => {
    const { inner, calls, guard } = observed();
    await call(guard);
    inner.error = refused();
    await expect(async () => call(guard)).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE', backend: 'store' });
    const bug = (inner.error = new TypeError('a bug'));
    await expect(async () => call(guard)).rejects.toBe(bug);
    expect(calls).toEqual(['success', 'failure', 'error'].map((outcome) => ['store', verb, outcome]));
  });

  it('are not reported while nobody listens', async () => {
    const inner = new ScriptedBackend('store');
    const events = new RateLimitEvents();
    const told: string[] = [];
    events.watch(({ kind }) => told.push(kind));
    events.emit = ({ kind }) => void told.push(kind);
    const { guard } = connected(inner, { events });
    await guard.consume(oneCall());
    expect(inner.drain()).toEqual(['consume']);
    expect(told).toEqual([]);
  });

  it('renew nothing at a backend that renews nothing', async () => {
    const { guard, heard } = connected(new ScriptedBackend('store'));
    await expect((async () => guard.renew(oneCall()))()).resolves.toBeUndefined();
    expect(heard).toEqual([]);
  });

  it('hand the signal of a ping on', async () => {
    const signals: AbortSignal[] = [];
    const { guard } = connected(replacing({ ping: (signal) => void signals.push(signal) }));
    const { signal } = new AbortController();
    await guard.ping(signal);
    expect(signals).toEqual([signal]);
  });

  it('end an outage even if the circuit was closed by hand before', async () => {
    const inner = new ScriptedBackend('store');
    const { guard, heard } = connected(inner);
    inner.error = refused();
    expect(() => guard.consume(oneCall())).toThrow();
    guard.breaker!.reset();
    inner.error = undefined;
    await guard.consume(oneCall());
    expect(heard.map(({ kind }) => kind)).toEqual(['outage-started', 'backend-failure', 'outage-ended']);
  });
});

describe('a guard', () => {
  it('reports how many keys its backend has evicted', () => {
    let evict: (count: number) => void = () => undefined;
    const { heard } = connected(replacing({ onEviction: (listener) => void (evict = listener) }));
    evict(7);
    expect(heard).toEqual([{ kind: 'eviction', backend: 'memory', count: 7 }]);
  });

  it('keeps a backend open for an application that has started and asked nothing yet', async () => {
    const closed: string[] = [];
    const backend = replacing({ close: () => void closed.push('close') });
    const [idle, busy] = [connected(backend).guard, connected(backend).guard];
    idle.join();
    await busy.consume(oneCall());
    await busy.close();
    expect(closed).toEqual([]);
    await idle.close();
    expect(closed).toEqual(['close']);
  });

  it('tells once that the application has opened the backend, and never after its end', async () => {
    const told: string[] = [];
    const { guard } = connected(memoryBackend());
    guard.onOpen(() => told.push('open'));
    expect(told).toEqual([]);
    await guard.consume(oneCall());
    guard.open();
    await guard.consume(oneCall());
    expect(told).toEqual(['open']);
    await guard.close();
    guard.open();
    await guard.consume(oneCall());
    expect(told).toEqual(['open']);
  });

  it('lets a bug propagate where it has no breaker', () => {
    const inner = new ScriptedBackend('store');
    const { guard } = connected(inner, { circuitBreaker: false });
    const bug = (inner.error = new TypeError('a bug'));
    expect(() => guard.consume(oneCall())).toThrow(bug);
  });
});

describe('the health of a backend', () => {
  it('is no better for an answer than the time that it took', async () => {
    const { guard } = connected(memoryBackend());
    const startedMs = performance.now();
    const { latencyMs } = await guard.health(50);
    const tookMs = performance.now() - startedMs;
    expect(latencyMs).toBeGreaterThanOrEqual(0);
    expect(latencyMs).toBeLessThanOrEqual(Math.ceil(tookMs));
  });

  it('tells a mistake of the configuration by its message, and that it is one', async () => {
    const mistake = new RateLimitConfigurationError('redis.user', 'floodgate', 'Allow it to run scripts.');
    const ping = (): never => {
      throw mistake;
    };
    const { guard } = connected(replacing({ ping }));
    expect(await guard.health(50)).toEqual({
      name: 'memory',
      healthy: false,
      latencyMs: expect.any(Number),
      error: "redis.user: received 'floodgate'. Allow it to run scripts.",
      mistake: true,
      breaker: expect.objectContaining({ state: 'closed', failureCount: 0 }),
    });
  });
});
