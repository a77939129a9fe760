import { type AmortisedPlan, simulateAmortised } from '../../simulation/amortised.simulation.js';
import { simulateFleet, type FleetPlan } from '../../simulation/fleet.simulation.js';
import { randomNumbers } from '../../support/random-numbers.js';

const HOST: FleetPlan = {
  seed: 1,
  processes: 8,
  perHost: 8,
  shared: true,
  callsPerSecond: 10,
  outage: { fromMs: 2_000, untilMs: 32_000 },
  untilMs: 100_000,
};

/** How many random schedules: `SCHEDULES=10000` for the proof. */
const SCHEDULES = Number(process.env['SCHEDULES'] ?? 300);

it('answers the same for the same seed, and something else for another', () => {
  const { fingerprint } = simulateFleet(HOST);
  expect(simulateFleet(HOST).fingerprint).toBe(fingerprint);
  expect(simulateFleet({ ...HOST, seed: 2 }).fingerprint).not.toBe(fingerprint);
});

it('a host that shares probes once at a time, and all close again; alone each probes', () => {
  for (let seed = 1; seed <= 10; seed += 1) {
    const shared = simulateFleet({ ...HOST, seed });
    expect(shared).toMatchObject({ mostProbesAtOnce: 1, peakProbesOfHost: 1, wrongOpenings: 0 });
    expect(shared.allClosedAfterMs).toBeDefined();
    const alone = simulateFleet({ ...HOST, seed, shared: false });
    expect(alone.mostProbesAtOnce).toBeGreaterThan(1);
    expect(shared.failuresUntilOpen).toBeLessThan(alone.failuresUntilOpen);
  }
});

it('probes go on where processes are killed all the time', () => {
  for (let seed = 1; seed <= 10; seed += 1) {
    const result = simulateFleet({ ...HOST, seed, killsPerSecond: 0.5, untilMs: 160_000 });
    expect(result.mostProbesAtOnce).toBe(1);
    expect(result.peakProbes).toBeGreaterThan(0);
  }
});

it(`one process whose own network is down opens no other, in ${SCHEDULES} random schedules`, () => {
  const random = randomNumbers(42);
  let wrongOpenings = 0;
  for (let seed = 1; seed <= SCHEDULES; seed += 1) {
    const processes = 2 + Math.floor(random() * 7);
    const result = simulateFleet({
      seed,
      processes,
      perHost: 8,
      shared: true,
      callsPerSecond: 2 + random() * 20,
      outage: { fromMs: 1_000_000, untilMs: 1_000_000 },
      untilMs: 8_000 + random() * 8_000,
      broken: [Math.floor(random() * processes)],
      // In half of them processes are killed and replaced, the broken one among them.
      ...(random() < 0.5 && { killsPerSecond: random() }),
    });
    wrongOpenings += result.wrongOpenings;
  }
  expect(wrongOpenings).toBe(0);
});

it('opens by the word of others alone where a quorum of them is asked for', () => {
  const plan: FleetPlan = {
    ...HOST,
    outage: { fromMs: 1_000_000, untilMs: 1_000_000 },
    untilMs: 10_000,
    broken: [0, 1, 2],
  };
  expect(simulateFleet({ ...plan, quorum: 4 }).wrongOpenings).toBe(0);
  expect(simulateFleet({ ...plan, quorum: 3 }).wrongOpenings).toBeGreaterThanOrEqual(5);
});

describe('a limit of a store that works, in 20 processes', () => {
  const PLAN: AmortisedPlan = {
    ...{ seed: 1, processes: 20, limit: 2_000, windowMs: 1_000, refusalCache: true, lease: 'auto', spread: 'uneven' },
  };

  it('answers the same for the same seed', async () => {
    expect(await simulateAmortised(PLAN)).toEqual(await simulateAmortised(PLAN));
  });

  it.each([
    ['leases that follow the traffic', { lease: 'auto' }, 0.99, 0.5],
    ['leases of 20', { lease: 20 }, 0.9, 0.15],
    ['a refusal cache alone', { lease: undefined }, 1, 0.5],
    ['neither', { lease: undefined, refusalCache: false }, 1, 1],
  ] as const)('is never passed, and used up, with %s', async (_what, way, least, asked) => {
    for (let seed = 1; seed <= 2; seed += 1) {
      const result = await simulateAmortised({ ...PLAN, ...way, seed });
      expect(result.mostShare).toBeLessThanOrEqual(1);
      expect(result.leastShare).toBeGreaterThanOrEqual(least);
      expect(result.asked).toBeLessThanOrEqual(asked);
    }
  });

  it('is passed after a reset in another process by what the others hold at most', async () => {
    for (let seed = 1; seed <= 2; seed += 1) {
      const plan: AmortisedPlan = { ...PLAN, seed, lease: 20, resetWhen: 'half is used' };
      const leased = await simulateAmortised(plan);
      const alone = await simulateAmortised({ ...plan, lease: undefined });
      expect(leased.mostShare).toBeLessThanOrEqual(alone.mostShare + (19 * 20) / 2_000);
    }
  });
});
