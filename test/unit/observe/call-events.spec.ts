import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel';
import { jest } from '@jest/globals';
import { Controller, Get } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  BackendService,
  BackendUnavailableError,
  CircuitBreakerRegistry,
  RateLimit,
  type RateLimitEvent,
  RateLimitEvents,
  RateLimitModule,
  type RateLimitModuleOptions,
} from 'nestjs-floodgate';
import { hashOfKey } from '../../../lib/observe/decision-event.js';
import { limitedApp } from '../guard/limited-app.js';
import { refused, ScriptedBackend } from '../limiter/failover/scripted-backend.js';

@Controller()
class Cats {
  @RateLimit({ rate: '9/m', key: 'global' }, { name: 'address', rate: '1/m', key: 'ip' })
  @Get()
  all(): void {}

  @Get('free')
  free(): void {}
}

/** What a listener hears of decisions, without how long they took. */
const decisionsAmong = (events: readonly RateLimitEvent[]): readonly object[] =>
  events.flatMap((event) => {
    if (event.kind !== 'decision') return [];
    const { route, transport, keyHash, decision } = event;
    return [{ route, transport, keyHash, kind: decision.kind }];
  });

async function service(options: RateLimitModuleOptions) {
  const module = RateLimitModule.forRoot(options);
  const context = await NestFactory.createApplicationContext(module, { logger: false });
  return {
    backend: context.get(BackendService),
    events: context.get(RateLimitEvents),
    breakers: context.get(CircuitBreakerRegistry),
    [Symbol.asyncDispose]: () => context.close(),
  };
}

describe('the event of a decision', () => {
  it('tells route, transport and the hash of the key that is refused', async () => {
    const app = await limitedApp({ controllers: [Cats] });
    const heard: RateLimitEvent[] = [];
    app.events.on((event) => heard.push(event));
    await app.calls(2, { type: Cats, method: 'all' }, { ip: '192.0.2.7' });
    await app.call({ type: Cats, method: 'free' });
    const call = { route: 'Cats.all', transport: 'http' };
    expect(decisionsAmong(heard)).toEqual([
      { ...call, kind: 'allowed', keyHash: hashOfKey('global') },
      { ...call, kind: 'limited', keyHash: hashOfKey('ip:192.0.2.7') },
      { route: 'Cats.free', transport: 'http', kind: 'unenforced', keyHash: null },
    ]);
    expect(JSON.stringify(heard)).not.toContain('192.0.2.7');
  });

  it('tells of BackendService, which has no route', async () => {
    await using app = await service({});
    const heard: RateLimitEvent[] = [];
    app.events.on((event) => heard.push(event));
    await app.backend.consume('user:42', '1/m');
    const [event] = heard.filter(({ kind }) => kind === 'decision');
    expect(event).toEqual({
      kind: 'decision',
      decision: expect.objectContaining({ kind: 'allowed' }),
      keyHash: hashOfKey('user:42'),
      durationMs: expect.any(Number),
    });
  });

  it('is sent where the limiter is switched off, too', async () => {
    const app = await limitedApp({ controllers: [Cats] }, { enabled: false });
    const heard: RateLimitEvent[] = [];
    app.events.on((event) => heard.push(event));
    await app.call({ type: Cats, method: 'all' });
    expect(heard).toMatchObject([{ kind: 'decision', route: 'Cats.all', decision: { reason: 'disabled' } }]);
  });

  it('is not made while nobody listens', async () => {
    await using app = await service({});
    const emit = jest.spyOn(app.events, 'emit');
    await app.backend.consume('user:42', '9/m');
    await app.backend.peek('user:42', '9/m');
    expect(emit).not.toHaveBeenCalled();
    const stop = app.events.on(() => undefined);
    await app.backend.consume('user:42', '9/m');
    // The call to the backend, and the decision.
    expect(emit).toHaveBeenCalledTimes(2);
    stop();
    await app.backend.consume('user:42', '9/m');
    expect(emit).toHaveBeenCalledTimes(2);
  });
});

describe('the event of a call to a backend', () => {
  it.each([true, false])('tells verb and outcome, whether the answer is a promise (%s)', async (async) => {
    const store = new ScriptedBackend('store', { async });
    await using app = await service({ backend: store, circuitBreaker: { failureThreshold: 2 } });
    const heard: RateLimitEvent[] = [];
    app.events.on((event) => heard.push(event));
    await app.backend.consume('user:42', '9/m');
    await app.backend.peek('user:42', '9/m');
    await app.backend.refund('user:42', '9/m');
    await app.backend.reset('user:42', '9/m');
    await app.backend.health();
    store.error = new TypeError('bug');
    await expect(app.backend.consume('user:42', '9/m')).rejects.toThrow(TypeError);
    store.error = refused();
    // The last of them is rejected by the open circuit: no call is made.
    for (let time = 0; time < 3; time += 1) {
      await expect(app.backend.peek('user:42', '9/m')).rejects.toThrow(BackendUnavailableError);
    }
    const calls = heard.flatMap((event) => (event.kind === 'backend-call' ? [event] : []));
    expect(calls.map(({ verb, outcome }) => `${verb} ${outcome}`)).toEqual([
      'consume success',
      'peek success',
      'refund success',
      'reset success',
      'ping success',
      'consume error',
      'peek failure',
      'peek failure',
    ]);
    expect(calls.every(({ backend, durationMs }) => backend === 'store' && durationMs >= 0)).toBe(true);
  });
});

describe("Node's diagnostics channels", () => {
  it('carry decisions and transitions without any listener', async () => {
    await using app = await service({ policies: { one: '1/m' } });
    const heard: unknown[] = [];
    const hear = (message: unknown): void => void heard.push(message);
    const channels = ['floodgate:decision', 'floodgate:breaker'];
    channels.forEach((one) => subscribe(one, hear));
    try {
      await app.backend.consume('user:42', 'one');
      app.breakers.get('backend:memory')?.forceOpen();
    } finally {
      channels.forEach((one) => unsubscribe(one, hear));
    }
    await app.backend.consume('user:43', 'one').catch(() => undefined);
    expect(heard).toMatchObject([
      { kind: 'decision', decision: { kind: 'allowed' }, keyHash: hashOfKey('user:42') },
      { kind: 'breaker-transition', breaker: 'backend:memory', to: 'open' },
    ]);
  });

  it.each([true, false])('trace calls to backends, whether the answer is a promise (%s)', async (async) => {
    const store = new ScriptedBackend('store', { async });
    await using app = await service({ backend: store });
    const phases: string[] = [];
    const tell = (phase: string) => (call: unknown) => {
      const { backend, verb, error } = call as { backend: string; verb: string; error?: unknown };
      phases.push([phase, backend, verb, ...(error === undefined ? [] : ['failed'])].join(' '));
    };
    const calls = tracingChannel('floodgate:backend');
    const storage = new AsyncLocalStorage<unknown>();
    const subscribers = {
      start: tell('start'),
      end: tell('end'),
      asyncStart: tell('asyncStart'),
      asyncEnd: tell('asyncEnd'),
      error: tell('error'),
    };
    calls.subscribe(subscribers);
    calls.start.bindStore(storage);
    try {
      await app.backend.consume('user:42', '9/m');
      store.error = refused();
      await expect(app.backend.consume('user:42', '9/m')).rejects.toThrow(BackendUnavailableError);
    } finally {
      calls.unsubscribe(subscribers);
      calls.start.unbindStore(storage);
    }
    const good = async ? ['start', 'end', 'asyncStart', 'asyncEnd'] : ['start', 'end'];
    const bad = async
      ? ['end', 'error failed', 'asyncStart failed', 'asyncEnd failed']
      : ['error failed', 'end failed'];
    const named = (phase: string): string => phase.replace(/^(\w+)/, '$1 store consume');
    expect(phases).toEqual([...good, 'start', ...bad].map(named));
  });
});
