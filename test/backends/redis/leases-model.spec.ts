import { Redis } from 'ioredis';
import type { Backend, Charge, ConsumeRequest, Reply } from '../../../lib/contracts/backend.js';
import { PrepaidUnits } from '../../../lib/limiter/prepaid-units.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { CLOCK_START_MS, manualClock } from '../../support/manual-clock.js';
import { randomWholeNumbers } from '../../support/random-numbers.js';
import { RedisServer } from '../../support/redis-server.js';
import { ReferenceLimiter } from '../reference-limiter.js';
import { loadTimedScript, timedLimiter } from './timed-limiter.js';

const STEPS = Number(process.env['LEASES_STEPS'] ?? 4_000);
const TIMEOUT_MS = 300_000 + STEPS * 10;
const WINDOW_MS = 1_500;

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

const KEYS = ['hot', 'warm'];
const FIXED = { algorithm: 'fixed-window', windowMs: WINDOW_MS } as const;
const LEASED = [
  testPolicy({ name: 'by-ten', limit: 60, lease: 10, ...FIXED }),
  testPolicy({ name: 'auto', limit: 400, lease: 'auto', ...FIXED }),
];
const PLAIN = testPolicy({ name: 'plain', limit: 300, ...FIXED, algorithm: 'sliding-window' });

/** Processes of one real Redis, all in time of the test's own: the server's clock is ahead of theirs, or behind. */
function fleet(processes: number, aheadMs: number, keyPrefix: string, sharing: boolean) {
  const clock = manualClock(CLOCK_START_MS);
  const serverClock = (): number => Math.floor(clock()) + aheadMs;
  const { backend } = timedLimiter(client, serverClock, keyPrefix, sharing);
  // Its refusals hold for times of the real clock.
  const store = Object.create(backend, { recall: { value: undefined } }) as Backend;
  const units = Array.from({ length: processes }, () => new PrepaidUnits(store, { clock }));
  const consume = async (by: PrepaidUnits, request: ConsumeRequest): Promise<Reply> =>
    by.recall(request) ?? by.consume(request);
  return { clock, serverClock, units, consume };
}

function randomCharges(next: (below: number) => number): readonly Charge[] {
  const key = KEYS[next(2)]!;
  const policies = [LEASED.slice(0, 1), LEASED.slice(1), [LEASED[next(2)]!, PLAIN], LEASED][next(4)]!;
  return policies.map((policy) => ({ key, policy, cost: next(6) === 0 ? 1 + next(12) : 1 }));
}

it.each([
  ['ahead', 3_600_123],
  ['behind', -7_200_777],
])(
  'processes together never admit more than the limit of a window, by a clock of the server that is %s',
  async (_how, aheadMs) => {
    const next = randomWholeNumbers(15 + aheadMs);
    const { clock, serverClock, units, consume } = fleet(3, aheadMs, `fleet${aheadMs}:`, true);
    const admitted = new Map<string, number>();
    const windowNow = (): number => Math.floor(serverClock() / WINDOW_MS);
    const count = ({ key, policy, cost }: Charge, window: number): void => {
      const name = `${policy.id} ${key} ${window}`;
      const sum = (admitted.get(name) ?? 0) + cost;
      admitted.set(name, sum);
      if (policy.lease !== undefined) expect(sum).toBeLessThanOrEqual(policy.limit);
    };
    const charged: { by: PrepaidUnits; charge: Charge; chargedAtMs: number }[] = [];
    let handedOut = 0;
    for (let step = 0; step < STEPS;) {
      const burst = next(3) === 0 ? 1 + next(80) : 1;
      step += burst;
      await Promise.all(
        Array.from({ length: burst }, async () => {
          const by = units[next(8) === 0 ? 1 + next(2) : 0]!;
          const charges = randomCharges(next);
          const { allowed, nowMs, source } = await consume(by, { charges, timeoutMs: 60_000 });
          if (!allowed) return;
          if (source === 'cache') handedOut += 1;
          expect(Math.floor(nowMs / WINDOW_MS)).toBe(windowNow());
          for (const charge of charges) {
            count(charge, windowNow());
            if (next(4) === 0) charged.push({ by, charge, chargedAtMs: nowMs });
          }
        }),
      );
      if (next(10) === 0) {
        for (const { by, charge, chargedAtMs } of charged.splice(0, next(8))) {
          // Some are given back by another process than charged them, as with a balancer in front.
          const giver = next(5) === 0 ? units[next(3)]! : by;
          const cost = 1 + next(charge.cost);
          const refund = { charges: [{ ...charge, cost }], chargedAtMs, timeoutMs: 60_000 };
          count({ ...charge, cost: -cost }, Math.floor(chargedAtMs / WINDOW_MS));
          if (!giver.keeps(refund)) await giver.refund(refund);
        }
      }
      if (next(6) === 0) clock.advance(next(400) + next(1_000) / 1_000);
      if (next(8) === 0) for (const one of units) one.look();
    }
    expect(handedOut).toBeGreaterThan(STEPS / 20);
  },
  TIMEOUT_MS,
);

it(
  'a lone process is told what it would be told without leases',
  async () => {
    const next = randomWholeNumbers(16);
    const { clock, serverClock, units, consume } = fleet(1, 3_599_000, 'lone:', false);
    const reference = new ReferenceLimiter(serverClock);
    const [own] = units as [PrepaidUnits];
    let handedOut = 0;
    let refused = 0;
    for (let step = 0; step < STEPS; step += 1) {
      const charges = randomCharges(next);
      const request = { charges, timeoutMs: 60_000, ...(next(50) === 0 && { overdraw: true }) };
      const verb = (['refund', 'reset', 'peek'] as const)[next(40)] ?? 'consume';
      if (verb === 'refund') {
        reference.refund(request);
        if (!own.keeps(request)) await own.refund(request);
      } else if (verb === 'reset') {
        reference.reset(request);
        await own.reset(request);
      } else {
        const expected = reference[verb](request);
        const reply = verb === 'peek' ? await own.peek(request) : await consume(own, request);
        expect(reply.allowed).toBe(expected.allowed);
        if (reply.source === 'cache') handedOut += 1;
        if (!reply.allowed) refused += 1;
        for (const [index, { remaining }] of reply.policies.entries()) {
          expect(remaining).toBeLessThanOrEqual(expected.policies[index]!.remaining);
        }
      }
      if (next(8) === 0) clock.advance(next(300) + next(1_000) / 1_000);
      if (next(8) === 0) own.look();
    }
    expect(handedOut).toBeGreaterThan(STEPS / 20);
    expect(refused).toBeGreaterThan(STEPS / 100);
  },
  TIMEOUT_MS,
);
