import fc from 'fast-check';
import type { CounterState } from '../../../lib/algorithms/algorithm.js';
import { decide } from '../../../lib/algorithms/counter.js';
import type { Policy, PolicyOptions } from '../../../lib/contracts/policy.js';
import { compilePolicy } from '../../../lib/policies/compiled-policy.js';
import { sentenceOf } from '../../../lib/simulate/policy-report.js';
import { PolicyTrial } from '../../../lib/simulate/policy-trial.js';

const BOUNDS = { maxKeys: 1_000, maxClients: 100 };
const policyOf = (options: PolicyOptions): Policy => compilePolicy('policy', options, () => 'tried').policy;

interface Call {
  readonly key: string;
  readonly atMs: number;
}

/** Refused calls, by the algorithm alone. */
function refusedBy(policy: Policy, calls: readonly Call[]): number {
  const states = new Map<string, CounterState | undefined>();
  let refused = 0;
  for (const { key, atMs } of calls) {
    const { state, status } = decide(states.get(key), policy, 1, false, atMs);
    states.set(key, state);
    if (!status.allowed) refused += 1;
  }
  return refused;
}

/** The lowest limit that refuses at most one call in a thousand, one after another. */
function lowestLimit(policy: Policy, calls: readonly Call[], limits: readonly number[]): number | undefined {
  return limits.find((limit) => refusedBy({ ...policy, limit, burst: limit }, calls) <= calls.length / 1_000);
}

function tried(policy: Policy, calls: readonly Call[], bounds = BOUNDS): PolicyTrial {
  const trial = new PolicyTrial(policy, bounds);
  for (const { key, atMs } of calls) trial.replay({ key, cost: 1, atMs });
  return trial;
}

/** Calls of some keys, in bursts and pauses. */
const callsOf = (most: number): fc.Arbitrary<Call[]> =>
  fc
    .array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 900 })), {
      minLength: 1,
      maxLength: most,
    })
    .map((steps) => {
      let atMs = 1_700_000_000_123;
      return steps.map(([client, pauseMs]) => {
        // Now and then nothing happens for longer than any window.
        atMs += pauseMs > 890 ? 30_000 : pauseMs;
        return { key: `ip:192.0.2.${client}`, atMs };
      });
    });

const DIGITS = Array.from({ length: 99 }, (_, index) => index + 1);

describe('a trial of a policy', () => {
  it.each<PolicyOptions>([
    { rate: '5/2s' },
    { rate: '5/2s', algorithm: 'fixed-window' },
    { rate: '5/2s', algorithm: 'token-bucket' },
    { rate: '5/2s', algorithm: 'sliding-log' },
    { rate: '5/2s', algorithm: 'strict-window' },
    { rate: '5/2s', blockFor: '5s' },
  ])('refuses what the algorithm refuses: %j', (options) => {
    const policy = policyOf(options);
    fc.assert(
      fc.property(callsOf(300), (calls) => {
        const { refused, share } = tried(policy, calls).report();
        expect(refused).toBe(refusedBy(policy, calls));
        expect(share).toBe(refused / calls.length);
      }),
      { numRuns: 50 },
    );
  });

  it.each<PolicyOptions>([
    { rate: '10/2s' },
    { rate: '10/2s', algorithm: 'fixed-window' },
    { rate: '10/2s', blockFor: '5s' },
  ])('finds the limit that refuses one call in a thousand: %j', (options) => {
    const policy = policyOf(options);
    fc.assert(
      fc.property(callsOf(400), (calls) => {
        expect(tried(policy, calls).report().oneInAThousand?.limit).toBe(lowestLimit(policy, calls, DIGITS));
      }),
      { numRuns: 50 },
    );
  });

  it.each(['token-bucket', 'sliding-log', 'strict-window'] as const)(
    'finds it among fewer limits for a %s',
    (algorithm) => {
      const policy = policyOf({ rate: '10/2s', algorithm });
      const steps = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 18, 22, 27, 33, 39, 47, 56, 68, 82, 100];
      fc.assert(
        fc.property(callsOf(400), (calls) => {
          expect(tried(policy, calls).report().oneInAThousand?.limit).toBe(lowestLimit(policy, calls, steps));
        }),
        { numRuns: 50 },
      );
    },
  );

  it.each<PolicyOptions>([
    { rate: '10/2s' },
    { rate: '10/2s', algorithm: 'fixed-window' },
    { rate: '10/2s', blockFor: '3s' },
  ])('finds it where that limit refuses some calls, which are then charged to nobody: %j', (options) => {
    const policy = policyOf(options);
    // Two clients that are now fast and now slow, among many calls of others.
    const calls = Array.from({ length: 9_000 }, (_, index): Call => {
      const isBusy = index % 10 < 2;
      const paceMs = 20 + 60 * Math.abs(Math.sin(index / 700));
      return {
        key: isBusy ? `busy${index % 2}` : `quiet${index}`,
        atMs: 1_700_000_000_000 + Math.floor(index * paceMs),
      };
    }).sort((one, other) => one.atMs - other.atMs);
    const found = tried(policy, calls).report().oneInAThousand;
    expect(found?.limit).toBe(lowestLimit(policy, calls, DIGITS));
    expect(found?.share).toBeGreaterThan(0);
    expect(found?.share).toBe(refusedBy({ ...policy, limit: found!.limit, burst: found!.limit }, calls) / calls.length);
  });

  it('lets one call in a thousand be refused, and not two', () => {
    const policy = policyOf({ rate: '10/m', algorithm: 'fixed-window' });
    const calls = (burst: number): Call[] => [
      ...Array.from({ length: burst }, () => ({ key: 'busy', atMs: 60_000 })),
      ...Array.from({ length: 1_000 - burst }, (_, index) => ({ key: `k${index}`, atMs: 60_000 })),
    ];
    expect(tried(policy, calls(31)).report().oneInAThousand).toEqual({ limit: 30, share: 0.001, rate: '30/m' });
    expect(tried(policy, calls(32)).report().oneInAThousand).toEqual({ limit: 31, share: 0.001, rate: '31/m' });
  });

  it('counts what was decided elsewhere as it was decided', () => {
    const trial = new PolicyTrial(policyOf({ rate: '100/m' }), BOUNDS);
    trial.observe({ key: 'user:1', cost: 1, atMs: 1_000 }, true);
    trial.observe({ key: 'user:2', cost: 1, atMs: 1_000 }, false);
    expect(trial.report()).toMatchObject({ calls: 2, refused: 1, clients: 1, network: null });
  });

  it('tells how many of the refused clients are in one network', () => {
    const addresses = ['192.0.2.1', '192.0.2.77', '192.0.2.255', '192.0.3.1', '2001:db8:0:1::/64', '2001:db8:0:2::/64'];
    const calls = addresses.flatMap((address) => [1, 2].map((atMs) => ({ key: `ip:${address}`, atMs })));
    const report = tried(policyOf({ rate: '1/m' }), calls).report();
    expect(report).toMatchObject({ clients: 6, network: { network: '192.0.2.0/24', clients: 3 } });
    expect(report.mostRefused).toHaveLength(5);
  });

  it('knows the network of a client by its address, where the key is another', () => {
    const trial = new PolicyTrial(policyOf({ rate: '1/m' }), BOUNDS);
    for (const key of ['user:1', 'user:1', 'user:2', 'user:2']) {
      trial.replay({ key, cost: 1, atMs: 5, address: key === 'user:1' ? '192.0.2.1' : '192.0.2.2' });
    }
    expect(trial.report().network).toEqual({ network: '192.0.2.0/24', clients: 2 });
  });

  it('keeps a bounded number of keys and of clients, and says so', () => {
    const policy = policyOf({ rate: '1/m' });
    const keys = Array.from({ length: 500 }, (_, index) => `user:${index}`);
    const twice = keys.flatMap((key) => [1, 2].map((atMs) => ({ key, atMs })));
    expect(tried(policy, twice, { maxKeys: 10, maxClients: 100 }).report()).toMatchObject({
      refused: 500,
      clients: 100,
      clientsAreMore: true,
    });
    const apart = [...keys, ...keys].map((key) => ({ key, atMs: 1 }));
    const report = tried(policy, apart, { maxKeys: 10, maxClients: 100 }).report();
    expect(report.refused).toBe(0);
    expect(report.forgotten).toBeGreaterThanOrEqual(980);
  });

  it('forgets nothing that is over', () => {
    const calls = Array.from({ length: 500 }, (_, index) => ({ key: `user:${index}`, atMs: index * 200_000 }));
    expect(tried(policyOf({ rate: '1/m' }), calls, { maxKeys: 10, maxClients: 10 }).report().forgotten).toBe(0);
  });

  it('finds no limit where all that are tried refuse too much', () => {
    const calls = Array.from({ length: 2_000 }, () => ({ key: 'one', atMs: 1 }));
    expect(tried(policyOf({ rate: '1/m' }), calls).report().oneInAThousand).toBeNull();
  });
});

describe('the sentence of a report', () => {
  const report = {
    rate: '100/m',
    calls: 1_000_000,
    refused: 3_000,
    share: 0.003,
    clients: 12,
    clientsAreMore: false,
    network: { network: '203.0.113.0/24', clients: 9 },
    oneInAThousand: { limit: 140, rate: '140/m', share: 0.00097 },
  };

  it('tells calls, clients, their network and the limit that would do', () => {
    expect(sentenceOf(report)).toBe(
      'would have refused 0.3 % of 1,000,000 calls: 3,000 calls of 12 clients, 9 of them in one network ' +
        '(203.0.113.0/24); 140/m would refuse one in a thousand (0.097 %)',
    );
  });

  it.each([
    [{ network: { clients: 9 } }, '3,000 calls of 12 clients, 9 of them in one network;'],
    [{ network: { clients: 12 } }, '12 clients, all of them in one network;'],
    [{ network: { clients: 1 } }, 'of 12 clients;'],
    [{ clientsAreMore: true, network: null }, 'of more than 12 clients;'],
    [{ refused: 0, share: 0 }, '0 % of 1,000,000 calls; 140/m'],
    [{ oneInAThousand: null }, '(203.0.113.0/24)'],
    [{ oneInAThousand: { limit: 140, rate: '140/m', share: 0 } }, '; 140/m would refuse none'],
    [{ calls: 0 }, 'has met no call'],
  ])('says it rightly of %j', (other, expected) => {
    expect(sentenceOf({ ...report, ...other })).toContain(expected);
  });
});
