import { spawnWorkers } from '../support/child-process.js';
import { freePort } from '../support/free-port.js';
import { platforms } from '../support/http-app.js';
import { PostgresServer } from '../support/postgres-server.js';
import { RedisServer } from '../support/redis-server.js';
import type throttledApp from './workers/throttled-app.worker.js';
import type { Answer, Scenario, Step } from './workers/throttled-app.worker.js';

// In processes of their own: @nestjs/throttler requires Nest, which is ESM, and Jest on Node 20 cannot do that.
const WORKER = new URL('./workers/throttled-app.worker.ts', import.meta.url);

/** Longest time that all scenarios of a platform may take, ms. */

const times = (count: number, step: Step): readonly Step[] => Array.from({ length: count }, () => step);

const PLAIN: Scenario['steps'] = [
  ...times(4, { get: '/' }),
  { get: '/other' },
  { get: '/skipped' },
  { get: '/', headers: { 'user-agent': 'friendly/1.0' } },
];
const LEVELS: Scenario['steps'] = [...times(3, { get: '/limited' }), ...times(6, { get: '/limited/higher' })];
const BLOCKS: Scenario['steps'] = [
  ...times(2, { get: '/limited/blocking' }),
  { get: '/limited/blocking', after: 1_100 },
  ...times(2, { get: '/limited/plain' }),
];
const NAMED: Scenario['steps'] = [
  ...times(2, { get: '/' }),
  ...times(2, { get: '/skip-short' }),
  { get: '/skip-default-and-long' },
];
const TRACKED: Scenario['steps'] = ['anna', 'anna', 'anna', 'ben'].map((user, index) => ({
  get: index % 2 === 0 ? '/' : '/other',
  headers: { 'x-user': user },
}));
const OVER_TIME: Scenario['steps'] = [
  { get: '/' },
  { get: '/' },
  { get: '/', after: 10_000 },
  { get: '/', after: 10_000 },
  { get: '/', after: 50_000 },
  { get: '/', after: 10_000 },
  { get: '/', after: 50_000 },
  { get: '/', after: 10_000 },
];
const OUTAGE: Scenario['steps'] = times(2, { get: '/limited/plain' });

const statuses = (answers: readonly Answer[]): readonly number[] => answers.map(({ status }) => status);

const header = (answers: readonly Answer[], name: string): readonly (string | undefined)[] =>
  answers.map(({ headers }) => headers[name]);

const SERVERS = ['Redis', 'PostgreSQL'] as const;
const BY_MODULE = " by the module's BackendService";
const STORES = ['memory', ...SERVERS, ...SERVERS.map((server) => `${server}${BY_MODULE}`)];
const MODES = ['closed', 'open', 'local'] as const;
const OWNERS = ['its own backend', "the module's BackendService"] as const;

/** All scenarios by name, so that one process for each platform runs them. */
async function scenariosWith(
  urls: Readonly<Record<(typeof SERVERS)[number], string>>,
): Promise<Readonly<Record<string, Scenario>>> {
  const scenarios: Record<string, Scenario> = { 'over time': { app: 'named', store: {}, steps: OVER_TIME } };
  for (const name of STORES) {
    const server = SERVERS.find((one) => name.startsWith(one));
    const store = server === undefined ? {} : { url: urls[server], injected: name.endsWith(BY_MODULE) };
    scenarios[`${name}: plain`] = { app: 'one', store, steps: PLAIN };
    scenarios[`${name}: levels`] = { app: 'one', store, steps: LEVELS };
    scenarios[`${name}: blocks`] = { app: 'one', store, steps: BLOCKS };
    scenarios[`${name}: named`] = { app: 'named', store, steps: NAMED };
    scenarios[`${name}: skipping`] = { app: 'skipping', store, steps: PLAIN };
    scenarios[`${name}: tracked`] = { app: 'tracked', store, steps: TRACKED };
  }
  const nowhere = `127.0.0.1:${await freePort()}`;
  for (const server of SERVERS) {
    const url = server === 'Redis' ? `redis://${nowhere}` : `postgres://limiter@${nowhere}/app`;
    for (const owner of OWNERS) {
      const store = { url, injected: owner !== 'its own backend' };
      for (const failureMode of MODES) {
        const name = `${server} and ${owner}: ${failureMode}`;
        scenarios[name] = { app: 'one', store, failureMode, steps: OUTAGE, timeout: '200ms' };
      }
    }
  }
  return scenarios;
}

describe.each(platforms)("throttler's guard on %s", (platform) => {
  let transcripts: Readonly<Record<string, readonly Answer[]>>;

  beforeAll(async () => {
    await using redis = await RedisServer.start();
    await using postgres = await PostgresServer.start();
    const scenarios = await scenariosWith({ Redis: redis.url, PostgreSQL: postgres.url });
    const [reply] = await spawnWorkers<typeof throttledApp>(1, WORKER, { platform, scenarios });
    transcripts = reply!;
  });

  describe.each(STORES)('with the storage on %s', (store) => {
    it('counts each route, tells what is left, and refuses what is more', () => {
      const answers = transcripts[`${store}: plain`]!;
      expect(statuses(answers)).toEqual([200, 200, 200, 429, 200, 200, 200]);
      expect(header(answers, 'x-ratelimit-limit').slice(0, 5)).toEqual(['3', '3', '3', undefined, '3']);
      expect(header(answers, 'x-ratelimit-remaining').slice(0, 5)).toEqual(['2', '1', '0', undefined, '2']);
      for (const reset of header(answers.slice(0, 3), 'x-ratelimit-reset')) {
        expect(Number(reset)).toBeGreaterThan(0);
        expect(Number(reset)).toBeLessThanOrEqual(100);
      }
      expect(answers[3]!.body).toEqual({ statusCode: 429, message: 'ThrottlerException: Too Many Requests' });
      expect(answers[3]!.headers['retry-after']).toMatch(/^[1-9]\d*$/);
    });

    it('leaves out what is skipped, and whom it shall ignore', () => {
      for (const { headers } of transcripts[`${store}: plain`]!.slice(5))
        expect(headers).not.toHaveProperty('x-ratelimit-limit');
      expect(statuses(transcripts[`${store}: skipping`]!)).toEqual(PLAIN.map(() => 200));
    });

    it('takes the limits of classes and methods', () => {
      const answers = transcripts[`${store}: levels`]!;
      expect(statuses(answers)).toEqual([200, 200, 429, 200, 200, 200, 200, 200, 429]);
      expect(header(answers, 'x-ratelimit-limit')).toEqual(
        [2, 2, undefined, 5, 5, 5, 5, 5, undefined].map((limit) => limit?.toString()),
      );
      expect(header(answers, 'x-ratelimit-remaining').slice(3, 8)).toEqual(['4', '3', '2', '1', '0']);
    });

    it('blocks for the block duration, after which the quota is fresh; with 0 there is no block', () => {
      const answers = transcripts[`${store}: blocks`]!;
      expect(statuses(answers)).toEqual([200, 429, 200, 200, 429]);
      expect(answers[1]!.headers['retry-after']).toBe('1');
      expect(answers[2]!.headers['x-ratelimit-remaining']).toBe('0');
      const wait = Number(answers[4]!.headers['retry-after']);
      expect(wait).toBeGreaterThan(1);
      expect(wait).toBeLessThanOrEqual(60);
    });

    it('counts throttlers by their names', () => {
      const answers = transcripts[`${store}: named`]!;
      expect(statuses(answers)).toEqual([200, 429, 200, 200, 200]);
      const [first, refused, , second, short] = answers.map(({ headers }) => headers);
      expect(first).toMatchObject({
        'x-ratelimit-remaining-short': '0',
        'x-ratelimit-remaining': '1',
        'x-ratelimit-remaining-long': '4',
      });
      expect(refused!['retry-after-short']).toMatch(/^[1-9]\d*$/);
      expect(second).toMatchObject({ 'x-ratelimit-remaining': '0', 'x-ratelimit-remaining-long': '3' });
      expect(second).not.toHaveProperty('x-ratelimit-remaining-short');
      expect(short).toHaveProperty('x-ratelimit-remaining-short', '0');
      expect(short).not.toHaveProperty('x-ratelimit-remaining');
    });

    it('takes the trackers and keys of the application', () => {
      expect(statuses(transcripts[`${store}: tracked`]!)).toEqual([200, 200, 429, 200]);
      expect(header(transcripts[`${store}: tracked`]!, 'x-ratelimit-remaining')).toEqual(['1', '0', undefined, '1']);
    });
  });

  it('gives each throttler its own time', () => {
    const answers = transcripts['over time']!;
    // 1 in 10 s, 2 in 50 s, 5 in 600 s; what an earlier throttler refuses, a later one does not count.
    expect(statuses(answers)).toEqual([200, 429, 200, 429, 200, 200, 200, 429]);
    expect(header(answers, 'x-ratelimit-remaining-long')).toEqual([
      '4',
      undefined,
      '3',
      undefined,
      '2',
      '1',
      '0',
      undefined,
    ]);
    expect(answers[1]!.headers).toHaveProperty('retry-after-short', '10');
    expect(answers[3]!.headers).toHaveProperty('retry-after');
    expect(answers[7]!.headers).toHaveProperty('retry-after-long');
  });

  it.each(SERVERS.flatMap((server) => OWNERS.map((owner) => `${server} and ${owner}`)))(
    'with %s out of reach answers by the failure mode',
    (store) => {
      const [closed, open, local] = MODES.map((mode) => transcripts[`${store}: ${mode}`]!);
      expect(statuses(closed!)).toEqual([503, 503]);
      expect(closed![0]!.body).toEqual({ statusCode: 503, message: 'Service Unavailable' });
      expect(statuses(open!)).toEqual([200, 200]);
      expect(statuses(local!)).toEqual([200, 429]);
    },
  );
});
