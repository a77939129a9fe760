import { jest } from '@jest/globals';
import { memoryBackend, type PolicyInput, RateLimitConfigurationError, RateLimitPolicies } from 'nestjs-floodgate';
import { limiterApp } from './limiter-app.js';

const NOW_MS = Date.UTC(2026, 0, 1);

afterEach(() => jest.restoreAllMocks());

async function start() {
  jest.spyOn(Date, 'now').mockReturnValue(NOW_MS);
  const app = await limiterApp({
    backend: memoryBackend(),
    policies: { api: '3/m', jobs: { limit: 2, algorithm: 'concurrency' } },
  });
  return { ...app, changes: app.hear('policy-change'), policies: app.app.get(RateLimitPolicies) };
}

const UNKNOWN = "policies: received 'apy'. There is no policy of that name. The policies are 'api', 'jobs'.";
const NOT_PLAIN =
  'Give a rate, or options that are plain data: name, scope and functions stay as the module defines them.';

describe('a change that is wrong', () => {
  it.each<[string, (policies: RateLimitPolicies) => Promise<void>, string | RegExp]>([
    ['set: a name', (policies) => policies.set('apy', '5/m'), UNKNOWN],
    ['unset: a name', (policies) => policies.unset('apy'), UNKNOWN],
    ['override: a name', (policies) => policies.override('apy', 'user:1', '5/m'), "'apy'"],
    ['removeOverride: a name', (policies) => policies.removeOverride('apy', 'user:1'), UNKNOWN],
    ['shadow: a name', (policies) => policies.shadow(true, ['api', 'apy']), UNKNOWN],
    [
      'set: a carry-over',
      (policies) => policies.set('api', '5/m', { carryOver: 'all' as 'reset' }),
      /^carryOver: received 'all'\./,
    ],
    [
      'set: a carry-over of slots',
      (policies) => policies.set('jobs', { limit: 3 }, { carryOver: 'reset' }),
      /^carryOver: received 'reset'\. Slots stay as they are: leave carryOver out\.$/,
    ],
    [
      'set: a function',
      (policies) => policies.set('api', (() => '5/m') as PolicyInput),
      `policies.api: received a function. ${NOT_PLAIN}`,
    ],
    [
      'set: no policy',
      (policies) => policies.set('api', 5 as unknown as PolicyInput),
      `policies.api: received 5. ${NOT_PLAIN}`,
    ],
    [
      'set: a function among options',
      (policies) => policies.set('api', { rate: '5/m', skipIf: () => true }),
      NOT_PLAIN,
    ],
    ['set: a scope', (policies) => policies.set('api', { rate: '5/m', scope: 'route' }), NOT_PLAIN],
    ['set: a name among options', (policies) => policies.set('api', { rate: '5/m', name: 'other' }), NOT_PLAIN],
    [
      'override: a target',
      (policies) => policies.override('api', 'user:1', 5 as unknown as PolicyInput),
      /^override\.to: received 5\./,
    ],
    [
      'override: a time',
      (policies) => policies.override('api', 'user:1', '5/m', { until: 'soon' }),
      /^override\.until: received 'soon'\./,
    ],
    ['override: a key', (policies) => policies.override('api', '', '5/m'), /^override\.key: /],
  ])('is refused by its path: %s', async (_what, change, message) => {
    await using app = await start();
    const failed = await change(app.policies).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(RateLimitConfigurationError);
    expect((failed as Error).message).toMatch(message);
    expect(app.changes).toEqual([]);
  });
});

describe('a change', () => {
  it('is told with who and why, if they are given', async () => {
    await using app = await start();
    const { policies, changes } = app;
    await policies.set('api', '5/m');
    await policies.set('api', '6/m', { by: 'ops' });
    await policies.unset('api', { reason: 'over' });
    const told = { kind: 'policy-change', policy: 'api', at: NOW_MS };
    expect(changes).toStrictEqual([
      { ...told, change: 'set' },
      { ...told, change: 'set', by: 'ops' },
      { ...told, change: 'unset', reason: 'over' },
    ]);
  });

  it('of one key is listed until it ends, with who and why', async () => {
    await using app = await start();
    const { policies } = app;
    const later = new Date(NOW_MS + 1);
    await policies.override('api', 'user:1', '5/m');
    await policies.override('api', 'user:2', '5/m', { by: 'ops', reason: 'bot', until: later });
    await policies.override('api', 'user:3', '5/m', { until: new Date(NOW_MS) });
    const override = { policy: 'api', to: '5/m' };
    expect(policies.overrides()).toStrictEqual([
      { ...override, key: 'user:1' },
      { ...override, key: 'user:2', until: later.toISOString(), by: 'ops', reason: 'bot' },
    ]);
  });

  it('of the module is listed with what it changes', async () => {
    await using app = await start();
    await app.policies.set('api', { rate: '5/h', algorithm: 'token-bucket' });
    await app.policies.shadow(true, ['api']);
    expect(app.policies.list()).toEqual([
      { name: 'api', limit: 5, windowMs: 3_600_000, algorithm: 'token-bucket', mode: 'shadow', changed: true },
      { name: 'jobs', limit: 2, windowMs: 60_000, algorithm: 'concurrency', mode: 'enforce', changed: false },
    ]);
  });
});
