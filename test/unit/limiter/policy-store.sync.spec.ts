import { jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { type Clock, install } from '@sinonjs/fake-timers';
import { BackendUnavailableError, RateLimitConfigurationError } from '../../../lib/contracts/errors.js';
import type { RateLimitEvent } from '../../../lib/contracts/events.js';
import type { PolicyDocument } from '../../../lib/contracts/policy-store.js';
import { PolicyStoreSync } from '../../../lib/limiter/policy-store.sync.js';
import { RateLimitEvents } from '../../../lib/observe/rate-limit-events.js';
import { PolicyCatalog } from '../../../lib/policies/policy-catalog.js';
import { UNCHANGED } from '../../../lib/policies/policy-document.js';
import type { RateLimitSettings } from '../../../lib/rate-limit.settings.js';
import { refused } from './failover/scripted-backend.js';
import { SharedStore } from './shared-policy-store.js';

const NOW_MS = Date.UTC(2026, 0, 1);
const POLL_MS = 400;

let clock: Clock;
let lines: string[];

beforeEach(() => {
  clock = install({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'], now: NOW_MS });
  lines = [];
  for (const level of ['warn', 'log'] as const) {
    jest.spyOn(Logger.prototype, level).mockImplementation(function (this: Logger, line: unknown) {
      lines.push(`[${String(Reflect.get(this, 'context'))}] ${level}: ${String(line)}`);
    });
  }
});

afterEach(() => {
  jest.restoreAllMocks();
  clock.uninstall();
});

function synced(policyStore?: SharedStore) {
  const catalog = new PolicyCatalog({ api: '3/m', login: '5/m' });
  const events = new RateLimitEvents();
  const told: RateLimitEvent[] = [];
  events.on((event) => told.push(event));
  const sync = new PolicyStoreSync({ policyStore } as RateLimitSettings, catalog, events);
  const limits = () => ['api', 'login'].map((name) => catalog.byName('policies', name).policy.limit);
  return { sync, catalog, limits, told: () => told.splice(0) };
}

const withApi =
  (rate: string) =>
  (document: PolicyDocument): PolicyDocument => ({ ...document, policies: { ...document.policies, api: rate } });

const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('a policy store', () => {
  it('is read at the start and then regularly, until it is closed', async () => {
    const store = new SharedStore();
    store.document = withApi('7/m')(UNCHANGED);
    const { sync, limits } = synced(store);
    await sync.start();
    expect(limits()).toEqual([7, 5]);
    await sync.start();
    expect(store.asked).toEqual(['read']);
    store.document = withApi('8/m')(UNCHANGED);
    await clock.tickAsync(POLL_MS - 1);
    expect(limits()).toEqual([7, 5]);
    await clock.tickAsync(1);
    expect(limits()).toEqual([8, 5]);
    await clock.tickAsync(2 * POLL_MS);
    await sync.stop();
    expect(store.asked).toEqual(['read', 'read', 'read', 'read', 'close']);
    await clock.tickAsync(10 * POLL_MS);
    expect(store.asked).toHaveLength(5);
    await sync.start();
    expect(store.asked).toHaveLength(6);
    await sync.stop();
  });

  it('is read once at a time, and closed after its answer', async () => {
    const store = new SharedStore();
    const { sync } = synced(store);
    let open: () => void = () => undefined;
    store.gate = new Promise((resolve) => (open = resolve));
    const starting = sync.start();
    await clock.tickAsync(3 * POLL_MS);
    expect(store.asked).toEqual(['read']);
    const stopping = sync.stop();
    await clock.tickAsync(POLL_MS);
    expect(store.asked).toEqual(['read']);
    open();
    await Promise.all([starting, stopping]);
    expect(store.asked).toEqual(['read', 'close']);
  });

  it('does not take back a change that was made while it was read', async () => {
    const store = new SharedStore();
    const { sync, limits } = synced(store);
    let open: () => void = () => undefined;
    store.gate = new Promise((resolve) => (open = resolve));
    const starting = sync.start();
    store.gate = undefined;
    await sync.change(withApi('9/m'));
    open();
    await starting;
    expect(limits()).toEqual([9, 5]);
    await clock.tickAsync(POLL_MS);
    expect(limits()).toEqual([9, 5]);
    await sync.stop();
  });

  it('need not be there', async () => {
    const { sync, limits } = synced();
    await sync.start();
    expect(clock.countTimers()).toBe(0);
    await sync.change(withApi('9/m'));
    expect(limits()).toEqual([9, 5]);
    expect(sync.health()).toBeUndefined();
    await sync.stop();
  });
});

describe('a change', () => {
  it('applies here at once, is in the store, and is told with who and why', async () => {
    const store = new SharedStore();
    const { sync, limits, told } = synced(store);
    const last = { by: 'ops', reason: 'launch' };
    await sync.change((document) => ({ ...withApi('9/m')(document), last }));
    expect(limits()).toEqual([9, 5]);
    expect(store.document).toEqual({ ...UNCHANGED, policies: { api: '9/m' }, last });
    expect(told()).toEqual([{ kind: 'policy-change', change: 'set', policy: 'api', ...last, at: NOW_MS }]);
  });

  it('of another process is told with its author, if it is the only one', async () => {
    const store = new SharedStore();
    const { sync, told } = synced(store);
    await sync.start();
    store.document = { ...withApi('9/m')(UNCHANGED), last: { by: 'ops' } };
    await clock.tickAsync(2 * POLL_MS);
    expect(told()).toEqual([{ kind: 'policy-change', change: 'set', policy: 'api', by: 'ops', at: NOW_MS + POLL_MS }]);
    store.document = { ...UNCHANGED, policies: { api: '8/m', login: '8/m' }, last: { by: 'ops' } };
    await clock.tickAsync(POLL_MS);
    expect(told()).toEqual(
      ['api', 'login'].map((policy) => ({ kind: 'policy-change', change: 'set', policy, at: NOW_MS + 3 * POLL_MS })),
    );
    await sync.stop();
  });

  it('leaves out overrides that have ended', async () => {
    const store = new SharedStore();
    const override = { policy: 'api', key: 'user:1', to: '9/m' };
    const ends = (ms: number) => ({ ...override, key: `user:${ms}`, until: new Date(NOW_MS + ms).toISOString() });
    store.document = { ...UNCHANGED, overrides: [override, ends(-1), ends(1_000)] };
    const { sync } = synced(store);
    await sync.change(withApi('9/m'));
    expect(store.document.overrides).toEqual([override, ends(1_000)]);
  });

  it('of a policy that is wrong has no effect, here or in the store', async () => {
    const store = new SharedStore();
    const { sync, limits, told } = synced(store);
    const failed = await failureOf(sync.change(withApi('9 a minute')));
    expect(failed).toBeInstanceOf(RateLimitConfigurationError);
    expect((failed as Error).message).toMatch(/^policies\.api/);
    expect([limits(), store.document, told()]).toEqual([[3, 5], undefined, []]);
  });

  it('fails by an outage of the store', async () => {
    const store = new SharedStore();
    const { sync, limits } = synced(store);
    const cause = (store.error = refused());
    expect(await failureOf(sync.change(withApi('9/m')))).toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      backend: 'shared',
      cause,
    });
    const unavailable = (store.error = new BackendUnavailableError({ backend: 'driver', cause }));
    expect(await failureOf(sync.change(withApi('9/m')))).toBe(unavailable);
    expect(limits()).toEqual([3, 5]);
  });

  it('fails if the store does not answer within two seconds', async () => {
    const store = new SharedStore();
    store.silent = true;
    const failing = failureOf(synced(store).sync.change(withApi('9/m')));
    await clock.tickAsync(2_000);
    expect(await failing).toMatchObject({ backend: 'shared', cause: { code: 'DEADLINE_EXCEEDED', timeoutMs: 2_000 } });
  });
});

describe('a store that cannot be used', () => {
  it('is logged once for each reason, and when it can be used again', async () => {
    const store = new SharedStore();
    const { sync, limits } = synced(store);
    store.document = withApi('9/m')(UNCHANGED);
    const during = async (error: unknown, polls: number): Promise<object | undefined> => {
      store.error = error;
      await clock.tickAsync(polls * POLL_MS);
      return sync.health();
    };
    await sync.start();
    expect(await during(undefined, 2)).toEqual({ healthy: true });
    expect(await during(refused(), 3)).toEqual({ healthy: false, error: 'ECONNREFUSED' });
    expect(await during(new TypeError('secret'), 2)).toEqual({ healthy: false, error: 'TypeError' });
    expect(limits()).toEqual([9, 5]);
    expect(await during(undefined, 2)).toEqual({ healthy: true });
    await during(refused(), 1);
    expect(lines).toEqual([
      "[RateLimit] warn: Policy store 'shared' cannot be used (ECONNREFUSED): the policies stay as they are.",
      "[RateLimit] warn: Policy store 'shared' cannot be used (TypeError): the policies stay as they are.",
      "[RateLimit] log: Policy store 'shared' can be used again.",
      "[RateLimit] warn: Policy store 'shared' cannot be used (ECONNREFUSED): the policies stay as they are.",
    ]);
    await sync.stop();
  });

  it('is logged with what is wrong in it', async () => {
    const store = new SharedStore();
    store.document = { policy: {} } as unknown as PolicyDocument;
    const { sync } = synced(store);
    await sync.start();
    expect(lines).toEqual([
      expect.stringMatching(/^\[RateLimit\] warn: Policy store 'shared' cannot be used \(policyStore\.policy: /),
    ]);
    await expect(sync.change(withApi('9/m'))).rejects.toThrow(/^policyStore\.policy: /);
    await sync.stop();
  });

  it('is one that does not answer within two seconds', async () => {
    const store = new SharedStore();
    store.silent = true;
    const { sync } = synced(store);
    void sync.start();
    await clock.tickAsync(1_999);
    expect(lines).toEqual([]);
    await clock.tickAsync(1);
    await new Promise((resolve) => setImmediate(resolve));
    await clock.tickAsync(0);
    expect(sync.health()).toEqual({ healthy: false, error: 'DEADLINE_EXCEEDED' });
    const stopping = sync.stop();
    await clock.tickAsync(2_000);
    await stopping;
    expect(store.asked.at(-1)).toBe('close');
  });
});
