import assert from 'node:assert/strict';
import { Cluster, Redis } from 'ioredis';
import type { Backend, Charge, Reply } from '../../../lib/contracts/backend.js';
import { redisBackend } from '../../../lib/backends/redis/redis.backend.js';
import type { AlgorithmName, Policy } from '../../../lib/contracts/policy.js';
import { GuardedBackend } from '../../../lib/limiter/guarded-backend.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { CLOCK_START_MS, manualClock } from '../../support/manual-clock.js';
import { randomWholeNumbers } from '../../support/random-numbers.js';
import { RedisCluster } from '../../support/redis-cluster.js';
import { RedisServer } from '../../support/redis-server.js';
import { ReferenceLimiter } from '../reference-limiter.js';
import { loadTimedScript, timedLimiter } from './timed-limiter.js';

/** Calls of each comparison; `npm run prove:amortised` makes 100,000. */
const CALLS = Number(process.env['AMORTISED_CALLS'] ?? 4_000);
const TIMEOUT_MS = 300_000 + CALLS * 10;

let redis: RedisServer;
let client: Redis;
beforeAll(async () => {
  redis = await RedisServer.start();
  client = new Redis(redis.url);
  await loadTimedScript(client);
});
afterAll(async () => {
  client.disconnect();
  await redis.stop();
});

const KEYS = ['hot', 'warm', 'cold', 'user:{42}'];

/** Mostly plain ones, as most are; with a block, in shadow, with slots and logs among them. */
function policyOf(index: number, limit: number, windowMs: number): Policy {
  const algorithms: AlgorithmName[] = ['sliding-window', 'fixed-window', 'token-bucket', 'sliding-log', 'concurrency'];
  const algorithm = algorithms[index % 7] ?? 'sliding-window';
  const calendar = index === 1 ? { calendar: 'calendar-day' as const, timeZone: 'Europe/Berlin' } : {};
  const mode = index === 5 ? 'shadow' : 'enforce';
  return testPolicy({
    name: `p${index}`,
    algorithm,
    limit,
    windowMs: index === 1 ? 86_400_000 : windowMs,
    mode,
    blockForMs: index === 6 ? 700 : 0,
    ...calendar,
  });
}

describe('calls that share script calls', () => {
  it(
    'are told what each would be told in its turn: by any policies, for any keys, beside refunds, resets and changes',
    async () => {
      const next = randomWholeNumbers(15);
      const clock = manualClock(CLOCK_START_MS + 59_990);
      const { backend, traces } = timedLimiter(client, clock, 'shared:', true);
      const reference = new ReferenceLimiter(clock);
      const policies = Array.from({ length: 7 }, (_, index) =>
        policyOf(index, 3 + next(20), [10, 1_000, 60_000][next(3)]!),
      );
      const { now } = Date;
      Date.now = clock;
      try {
        for (let made = 0; made < CALLS;) {
          const burst = 1 + next(60);
          const hot = next(2) === 0;
          // Of a hot key, most calls name the same policies.
          const usual = next(2) === 0 ? [0, 1, 2].slice(next(3)) : [next(7), next(7)];
          const pairs = Array.from({ length: burst }, () => {
            const verb = (['refund', 'reset', 'peek', 'renew'] as const)[next(hot ? 400 : 25)] ?? 'consume';
            const first = hot ? 0 : next(KEYS.length);
            const keys = next(12) === 0 ? [KEYS[first]!, KEYS[(first + 1) % KEYS.length]!] : [KEYS[first]!];
            const chosen = hot && next(8) > 0 ? usual : [next(7), next(7)];
            const charges = keys.flatMap((key) =>
              [...new Set(chosen)].map((index): Charge => {
                const policy = policies[index]!;
                const cost = hot ? 1 : next(40) === 0 ? 50 : next(4);
                return policy.algorithm === 'concurrency'
                  ? { key, policy, cost: Math.min(1, cost), slot: next(30) }
                  : { key, policy, cost };
              }),
            );
            const request = {
              charges,
              timeoutMs: 60_000,
              ...(verb === 'consume' && next(30) === 0 && { overdraw: true }),
            };
            const expected = reference[verb](request);
            return { request, expected, actual: Promise.resolve(backend[verb]!(request)) };
          });
          for (const { request, expected, actual } of pairs)
            assert.deepEqual(await actual, expected, JSON.stringify(request.charges));
          made += burst;
          clock.advance([0, 1, 7, 300, 1_000, 70_000, -5][next(7)]!);
          if (next(10) === 0) {
            const index = next(7);
            policies[index] = policyOf(index, next(25), [10, 1_000, 60_000][next(3)]!);
          }
        }
      } finally {
        Date.now = now;
      }
      // They did share.
      expect(traces.length).toBeLessThan(CALLS / 4);
    },
    TIMEOUT_MS,
  );
});

/** So long that nothing rolls or refills while the test runs; its borders are years away from now. */
const LONG_MS = 366 * 86_400_000;

/** What a call is told, but for times, and of policies that do not refuse a call from the cache. */
function essence({ allowed, source, policies }: Reply): unknown {
  return {
    allowed,
    policies: policies.map((status) => ({
      allowed: status.allowed,
      ...((source !== 'cache' || !status.allowed) && {
        remaining: status.remaining,
        never: status.retryAfterMs === null,
      }),
    })),
  };
}

/** The same calls to a backend that amortises and to one that does not, each burst at once. */
async function compare(
  amortised: Backend,
  plain: Backend,
  seed: number,
  calls: number,
  multiple: boolean,
): Promise<number> {
  const next = randomWholeNumbers(seed);
  const guarded = new GuardedBackend(amortised);
  const limits = [6, 9, 14, 5, 4];
  let cached = 0;
  const policyAt = (index: number): Policy =>
    testPolicy({
      name: `p${index}`,
      algorithm: (['sliding-window', 'fixed-window', 'token-bucket', 'sliding-window', 'fixed-window'] as const)[
        index
      ]!,
      limit: limits[index]!,
      windowMs: LONG_MS,
      mode: index === 3 ? 'shadow' : 'enforce',
      blockForMs: index === 4 ? LONG_MS : 0,
    });
  for (let made = 0; made < calls;) {
    const burst = 1 + next(12);
    const pairs: [unknown, unknown][] = [];
    const answers: Promise<void>[] = [];
    for (let call = 0; call < burst; call += 1) {
      const key = KEYS[next(KEYS.length)]!;
      const others = multiple && next(10) === 0 ? [KEYS[next(KEYS.length)]!] : [];
      const chosen = [...new Set([next(5), ...(next(2) === 0 ? [next(5)] : [])])];
      const charges = [...new Set([key, ...others])].flatMap((one) =>
        chosen.map((index) => ({ key: one, policy: policyAt(index), cost: next(15) === 0 ? next(20) : 1 + next(2) })),
      );
      const request = { charges, timeoutMs: 60_000 };
      const pair: [unknown, unknown] = [undefined, undefined];
      pairs.push(pair);
      const verb = ({ 0: 'reset', 1: 'refund' } as const)[next(burst === 1 ? 12 : 200)];
      const told = (reply: Reply | void): unknown => {
        if (reply?.source === 'cache') cached += 1;
        return reply === undefined ? undefined : essence(reply);
      };
      answers.push(
        Promise.resolve(guarded[verb ?? 'consume'](request)).then(
          (reply) => void (pair[0] = [reply?.source === 'cache', told(reply)]),
        ),
      );
      answers.push(Promise.resolve(plain[verb ?? 'consume'](request)).then((reply) => void (pair[1] = reply)));
    }
    await Promise.all(answers);
    for (const [actual, expected] of pairs) {
      const [isCached, told] = actual as [boolean, unknown];
      const reply = expected as Reply | undefined;
      const wanted = reply === undefined ? undefined : essence(isCached ? { ...reply, source: 'cache' } : reply);
      if (isCached) expect((told as Reply).allowed).toBe((wanted as Reply).allowed);
      else assert.deepEqual(told, wanted);
    }
    made += burst;
    if (next(30) === 0) limits[next(5)] = 2 + next(15);
  }
  return cached;
}

describe('a backend that amortises, and one on the same server that does not', () => {
  it(
    'decide alike, whatever is reset, given back, raised, blocked or watched',
    async () => {
      const amortised = redisBackend({ client, keyPrefix: 'on:' });
      const plain = redisBackend({ client, keyPrefix: 'off:', coalesce: false, batch: false, refusalCache: false });
      expect(await compare(amortised, plain, 1, CALLS, true)).toBeGreaterThan(CALLS / 50);
    },
    TIMEOUT_MS,
  );

  it(
    'decide alike on a Cluster',
    async () => {
      await using servers = await RedisCluster.start();
      const cluster = new Cluster([...servers.startupNodes]);
      try {
        const amortised = redisBackend({ client: cluster, keyPrefix: 'on:' });
        const plain = redisBackend({
          client: cluster,
          keyPrefix: 'off:',
          coalesce: false,
          batch: false,
          refusalCache: false,
        });
        expect(await compare(amortised, plain, 2, CALLS, false)).toBeGreaterThan(CALLS / 50);
      } finally {
        cluster.disconnect();
      }
    },
    TIMEOUT_MS,
  );
});
