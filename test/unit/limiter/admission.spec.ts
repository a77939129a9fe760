import { type Clock, install } from '@sinonjs/fake-timers';
import {
  type Backend,
  BackendUnavailableError,
  type Lease,
  memoryBackend,
  RateLimitExceededException,
  type RateLimitModuleOptions,
} from 'nestjs-floodgate';
import { Admission } from '../../../lib/limiter/admission.js';
import { ServiceRequests } from '../../../lib/limiter/service-requests.js';
import { collectUnhandled, expectNoUnhandled } from '../../support/unhandled.js';
import { closedGate } from './closed-gate.js';
import { refused, ScriptedBackend } from './failover/scripted-backend.js';
import { limiterApp } from './limiter-app.js';

const MAX_WAIT_MS = 5_000;
const queue = { size: 2, maxWait: MAX_WAIT_MS } as const;
const slots = { algorithm: 'concurrency', limit: 1 } as const;

const policies = {
  jobs: { ...slots, queue },
  closed: { ...slots, limit: 0, queue },
  hasty: slots,
  calls: { rate: '2/m', algorithm: 'fixed-window' },
  watched: { rate: '0/m', mode: 'shadow' },
} as const;

let clock: Clock;

beforeEach(() => {
  clock = install({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
});

afterEach(() => clock.uninstall());

async function start(options: RateLimitModuleOptions = {}) {
  const app = await limiterApp({ backend: memoryBackend(), policies, ...options });
  const told: string[] = [];
  const leases = new Map<string, Lease>();
  /** Asks for slots, and tells what becomes of the call. */
  const ask = (
    name: string,
    asked: string | readonly string[] = 'jobs',
    given: { key?: string; cost?: number } = {},
  ) => {
    const { key = 'key', ...options } = given;
    void app.service.acquire(key, asked, options).then(
      (lease) => (leases.set(name, lease), told.push(`${name} runs`)),
      (error: unknown) =>
        told.push(`${name} ${error instanceof RateLimitExceededException ? 'is refused' : (error as Error).name}`),
    );
  };
  /** Lets what is due happen. What happened since the last time, oldest first. */
  const news = async (ms = 0): Promise<readonly string[]> => {
    await clock.tickAsync(ms);
    return told.splice(0);
  };
  const end = (name: string): Promise<void> => leases.get(name)!.release();
  const requestFor = (asked: string) =>
    app.app.get(ServiceRequests).of([{ key: 'key', policies: asked }], {}, 'charges');
  const hold = (asked: string, over: AbortSignal) => app.app.get(Admission).hold(requestFor(asked), over);
  return { ...app, ask, news, end, hold };
}

describe('a call that finds no slot free', () => {
  it('waits in order of arrival, unless the queue is full', async () => {
    await using app = await start();
    for (const name of ['first', 'second', 'third', 'fourth']) app.ask(name);
    expect(await app.news()).toEqual(['first runs', 'fourth is refused']);
    await app.end('first');
    expect(await app.news()).toEqual(['second runs']);
    await app.end('second');
    expect(await app.news()).toEqual(['third runs']);
    await app.end('third');
    app.ask('fifth');
    expect(await app.news()).toEqual(['fifth runs']);
  });

  it('is refused when it has waited for too long', async () => {
    await using app = await start();
    app.ask('first');
    app.ask('second');
    expect(await app.news(MAX_WAIT_MS - 1)).toEqual(['first runs']);
    expect(await app.news(1)).toEqual(['second is refused']);
  });

  it('does not wait for another key', async () => {
    await using app = await start();
    for (const name of ['first', 'second']) app.ask(name);
    app.ask('other', 'jobs', { key: 'another' });
    expect(await app.news()).toEqual(['first runs', 'other runs']);
  });

  it('is not overtaken by a later one, even if a slot is free', async () => {
    await using app = await start();
    for (const name of ['first', 'second']) app.ask(name);
    await app.service.reset('key', 'jobs');
    app.ask('third');
    expect(await app.news()).toEqual(['first runs']);
    expect(await app.news(250)).toEqual(['second runs']);
  });

  it('lets one pass that asks for none', async () => {
    await using app = await start();
    for (const name of ['first', 'second']) app.ask(name);
    app.ask('none', 'jobs', { cost: 0 });
    expect(await app.news()).toEqual(['first runs', 'none runs']);
  });

  it.each<[string, readonly string[], string[]]>([
    ['waits if another policy lets it pass', ['calls', 'jobs'], []],
    ['waits if only a shadow policy refuses it besides', ['watched', 'jobs'], []],
    ['is refused at once without a queue', ['hasty'], ['second is refused']],
    ['is refused at once if another slot has none', ['jobs', 'hasty'], ['second is refused']],
    ['is refused at once where no slot ever is', ['closed'], ['first is refused', 'second is refused']],
  ])('%s', async (_what, asked, expected) => {
    await using app = await start();
    app.ask('first', asked);
    app.ask('second', asked);
    expect((await app.news()).filter((one) => one !== 'first runs')).toEqual(expected);
  });

  it('is refused at once if its rate is exceeded, too', async () => {
    await using app = await start();
    await app.service.consume('key', 'calls');
    for (const name of ['first', 'second']) app.ask(name, ['calls', 'jobs']);
    expect(await app.news()).toEqual(['first runs', 'second is refused']);
  });

  it('is told to listeners: the queue, the slots, and each decision once', async () => {
    await using app = await start();
    const startedMs = performance.now();
    const [decisions, queues, inUse] = [app.hear('decision'), app.hear('queue'), app.hear('slots')];
    for (const name of ['first', 'second', 'third', 'fourth']) app.ask(name);
    await app.news(100);
    for (const name of ['first', 'second', 'third']) {
      await app.end(name);
      await app.news();
    }
    expect(decisions.map(({ decision }) => decision.kind)).toEqual(['allowed', 'limited', 'allowed', 'allowed']);
    expect(queues).toEqual([
      { kind: 'queue', policy: 'jobs', length: 1 },
      { kind: 'queue', policy: 'jobs', length: 2 },
      { kind: 'queue', policy: 'jobs', length: 1, waitedMs: expect.any(Number) },
      { kind: 'queue', policy: 'jobs', length: 0, waitedMs: expect.any(Number) },
    ]);
    const longestMs = performance.now() - startedMs;
    for (const { waitedMs } of queues) if (waitedMs !== undefined) expect(waitedMs).toBeLessThanOrEqual(longestMs);
    expect(inUse.map(({ policy, inUse: count }) => [policy, count])).toEqual(
      [1, 0, 1, 0, 1, 0].map((count) => ['jobs', count]),
    );
  });
});

describe('a call that holds slots until a signal', () => {
  const free = async (app: {
    service: { peek(key: string, policy: string): Promise<{ policies: readonly object[] }> };
  }) => (await app.service.peek('key', 'hasty')).policies;

  it('gives them back at its end', async () => {
    await using app = await start();
    const over = new AbortController();
    await app.hold('hasty', over.signal);
    expect(await free(app)).toMatchObject([{ remaining: 0 }]);
    over.abort();
    await app.news();
    expect(await free(app)).toMatchObject([{ remaining: 1 }]);
  });

  it('gives them back at once if it ended while it asked', async () => {
    const { gate, open } = closedGate();
    const backend = memoryBackend();
    const consume = backend.consume.bind(backend);
    await using app = await start({
      backend: Object.assign(backend, { consume: async (given: never) => (await gate, consume(given)) }),
    });
    const over = new AbortController();
    const holding = app.hold('hasty', over.signal);
    over.abort();
    open();
    await holding;
    await app.news();
    expect(await free(app)).toMatchObject([{ remaining: 1 }]);
  });

  it('has nothing to give back if it was refused', async () => {
    await using app = await start();
    await app.hold('hasty', new AbortController().signal);
    const over = new AbortController();
    const { outcome, slots: held } = await app.hold('hasty', over.signal);
    expect([outcome.decision.kind, held]).toEqual(['limited', undefined]);
    await expectNoUnhandled(() => over.abort());
  });

  it('leaves them to their lease if nobody takes them back', async () => {
    const refund: Backend['refund'] = () => Promise.reject(refused());
    await using app = await start({ backend: Object.assign(memoryBackend(), { refund }) });
    const over = new AbortController();
    await app.hold('hasty', over.signal);
    expect((await collectUnhandled(() => over.abort())).unhandled).toEqual([]);
    expect(await free(app)).toMatchObject([{ remaining: 0 }]);
    await app.news(60_000);
    expect(await free(app)).toMatchObject([{ remaining: 1 }]);
  });
});

describe('slots that a store may have given without an answer', () => {
  /** A store that fails in a way, and what it is asked to take back. */
  async function failing(how: (store: ScriptedBackend) => void, options: RateLimitModuleOptions = {}) {
    const store = new ScriptedBackend('store');
    const returned: unknown[] = [];
    store.refund = ({ charges }) =>
      void returned.push(charges.map(({ policy, cost, slot }) => [policy.name, cost, typeof slot]));
    how(store);
    const app = await start({ backend: store, timeout: 50, ...options });
    app.ask('first', ['calls', 'hasty']);
    return { app, store, returned };
  }

  it.each(['closed', 'open'] as const)('are given back, and nothing else of the call: mode %s', async (failureMode) => {
    const { app, store, returned } = await failing((silent) => (silent.silent = true), { failureMode });
    const news: string[] = [];
    for (let time = 0; time < 20; time += 1) {
      news.push(...(await app.news(10)));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(news).toEqual([failureMode === 'open' ? 'first runs' : 'first BackendUnavailableError']);
    expect(returned).toEqual([[['hasty', 1, 'number']]]);
    store.silent = false;
    await app.app.close();
  });

  it.each<[string, unknown]>([
    ['a connection that was refused', refused()],
    ['a bug', new TypeError('a bug')],
    ['a store that could not decide', new BackendUnavailableError({ backend: 'store' })],
  ])('are not those of %s', async (_what, error) => {
    const { app, returned } = await failing((store) => (store.error = error));
    expect(await app.news(100)).toEqual([
      `first ${error instanceof TypeError ? 'TypeError' : 'BackendUnavailableError'}`,
    ]);
    expect(returned).toEqual([]);
    await app.app.close();
  });
});
