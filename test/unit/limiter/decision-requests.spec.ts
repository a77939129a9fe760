import { jest } from '@jest/globals';
import {
  memoryBackend,
  RateLimitExceededException,
  type RateLimitModuleOptions,
  RateLimitPolicies,
} from 'nestjs-floodgate';
import { DecisionRequests, type PolicyUse } from '../../../lib/limiter/decision-requests.js';
import { PolicyCatalog } from '../../../lib/policies/policy-catalog.js';
import { manualClock } from '../../support/manual-clock.js';
import { recordingBackend } from '../guard/recording-backend.js';
import { limiterApp } from './limiter-app.js';

const policies = {
  login: { rate: '5/m', algorithm: 'fixed-window' },
  hourly: { rate: '100/h', algorithm: 'fixed-window' },
  watched: { rate: '5/m', mode: 'shadow' },
  failures: { rate: '5/m', chargeOn: 'failure' },
} as const;

async function start(options: RateLimitModuleOptions = {}) {
  const clock = manualClock();
  jest.spyOn(Date, 'now').mockImplementation(clock);
  const backend = recordingBackend({ clock });
  const app = await limiterApp({ backend, policies, ...options });
  const catalog = app.app.get(PolicyCatalog);
  const usesOf = (key: string, ...names: readonly string[]): readonly PolicyUse[] =>
    names.map((name) => ({ policy: catalog.byName('policies', name), key, cost: 1 }));
  const live = app.app.get(RateLimitPolicies);
  return { ...app, clock, backend, live, usesOf, requests: app.app.get(DecisionRequests) };
}

afterEach(() => jest.restoreAllMocks());

describe('a key on a list', () => {
  const lists = { allow: ['user:1'], deny: ['user:2', 'ip:192.0.2.0/24'] };

  it('passes uncounted, or is refused, without a call to the backend', async () => {
    await using app = await start({ lists });
    expect(await app.service.consume('user:1', 'login')).toEqual({
      kind: 'unenforced',
      allowed: true,
      source: 'none',
      backend: null,
      policies: [],
      reason: 'allow-listed',
    });
    expect(await app.service.consume('user:2', ['login', 'hourly', 'watched'])).toEqual({
      kind: 'limited',
      allowed: false,
      source: 'none',
      backend: null,
      policies: [],
      retryAfterMs: null,
      reason: 'deny-listed',
      longestWindowMs: 3_600_000,
    });
    await expect(app.service.acquire('user:2', 'login')).rejects.toBeInstanceOf(RateLimitExceededException);
    expect(app.backend.calls).toEqual([]);
    expect(await app.service.consume('user:3', 'login')).toMatchObject({
      kind: 'allowed',
      policies: [{ remaining: 4 }],
    });
  });

  it('may be that of the IP address', async () => {
    await using app = await start({ lists });
    const verdict = (key: string, address: string | undefined) =>
      app.requests.of(app.usesOf(key, 'login'), { addressKey: () => address }).settled?.kind;
    expect(verdict('user:3', 'ip:192.0.2.7')).toBe('limited');
    expect(verdict('user:1', 'ip:192.0.2.7')).toBe('limited');
    expect(verdict('user:1', 'ip:198.51.100.1')).toBe('unenforced');
    expect(verdict('user:3', 'ip:198.51.100.1')).toBeUndefined();
    expect(verdict('user:2', undefined)).toBe('limited');
  });

  it('is nothing to a call that no policy limits', async () => {
    await using app = await start({ lists });
    const request = app.requests.of([], { addressKey: () => 'ip:192.0.2.7' });
    expect(request).toMatchObject({ charges: [], settled: { kind: 'unenforced', reason: 'skipped' } });
  });
});

describe('a key that is blocked', () => {
  const untilIn = (ms: number): Date => new Date(Date.now() + ms);

  it('is refused until the last of its blocks ends', async () => {
    await using app = await start();
    await app.live.override('login', 'user:1', 'blocked', { until: untilIn(20_000) });
    await app.live.override('hourly', 'user:1', 'blocked', { until: untilIn(10_000) });
    const status = { allowed: false, remaining: 0, mode: 'enforce' };
    app.clock.advance(1_000);
    expect(await app.service.consume('user:1', ['hourly', 'login', 'watched'])).toEqual({
      kind: 'limited',
      allowed: false,
      source: 'none',
      backend: null,
      retryAfterMs: 19_000,
      policies: [
        { name: 'hourly', limit: 100, windowMs: 3_600_000, resetAfterMs: 9_000, retryAfterMs: 9_000, ...status },
        { name: 'login', limit: 5, windowMs: 60_000, resetAfterMs: 19_000, retryAfterMs: 19_000, ...status },
      ],
    });
    expect(app.backend.calls).toEqual([]);
    app.clock.advance(9_000);
    expect(await app.service.consume('user:1', ['hourly', 'login'])).toMatchObject({ policies: [{ name: 'login' }] });
    app.clock.advance(10_000);
    expect(await app.service.consume('user:1', ['hourly', 'login'])).toMatchObject({ kind: 'allowed' });
  });

  it('never passes if one of its blocks has no end', async () => {
    await using app = await start();
    await app.live.override('login', 'user:1', 'blocked');
    await app.live.override('hourly', 'user:1', 'blocked', { until: untilIn(10_000) });
    const decision = await app.service.consume('user:1', ['hourly', 'login']);
    expect(decision).toMatchObject({
      retryAfterMs: null,
      policies: [{ retryAfterMs: 10_000 }, { retryAfterMs: null, resetAfterMs: 0 }],
    });
  });

  it('passes a shadow policy, which refuses nobody', async () => {
    await using app = await start();
    await app.live.override('watched', 'user:1', 'blocked');
    expect(await app.service.consume('user:1', 'watched')).toMatchObject({ kind: 'unenforced', reason: 'skipped' });
    expect(await app.service.consume('user:1', ['watched', 'login'])).toMatchObject({
      kind: 'allowed',
      policies: [{ name: 'login' }],
    });
  });
});

describe('a request', () => {
  it('has the deadline of the call, else that of the module', async () => {
    await using app = await start({ timeout: 700 });
    const uses = app.usesOf('user:1', 'login');
    const deadlines = [{}, { timeoutMs: 90 }].map((terms) => app.requests.plain(uses, terms).timeoutMs);
    expect(deadlines).toEqual([700, 90]);
  });

  it('has the failure mode of the call, else that of its policies', async () => {
    await using app = await start({ failureMode: 'local' });
    const uses = app.usesOf('user:1', 'login');
    const modes = [{}, { failureMode: 'open' as const }].map((terms) => app.requests.plain(uses, terms).failureMode);
    expect(modes).toEqual(['local', 'open']);
  });

  it.each([
    [['login'], undefined],
    [['failures'], true],
    [['login', 'failures'], true],
  ] as const)('is provisional if the outcome of the call decides: %j: %s', async (names, isProvisional) => {
    await using app = await start();
    expect(app.requests.plain(app.usesOf('user:1', ...names)).isProvisional).toBe(isProvisional);
  });

  it('carries over what was used of one policy, and leaves the others alone', async () => {
    await using app = await start({ backend: memoryBackend({ clock: manualClock() }) });
    await app.service.consume('user:1', ['login', 'hourly'], { cost: 4 });
    await app.live.set('login', { limit: 10, window: '1m' }, { carryOver: 'proportional' });
    const decision = await app.service.consume('user:1', ['login', 'hourly']);
    expect(decision.policies.map(({ remaining }) => remaining)).toEqual([1, 95]);
  });
});
