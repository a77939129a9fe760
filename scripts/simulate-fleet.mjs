// Simulates a fleet with real breakers and limiters under a clock, a network and randomness of its own, and prints the
// table that stands in docs/at-scale.md. The same seed prints the same numbers.
//   npm run simulate -- fleet
//   npm run simulate -- fleet --seed 7 --processes 10000 --per-host 16
import { register } from 'node:module';
import { parseArgs } from 'node:util';

// The sources as they are: what is simulated is what is shipped.
register('../test/support/worker-hooks.js', import.meta.url);
const { simulateFleet } = await import('../test/simulation/fleet.simulation.js');
const { simulateAmortised } = await import('../test/simulation/amortised.simulation.js');
const { simulateAdmission } = await import('../test/simulation/admission.simulation.js');

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string', default: '1' },
    processes: { type: 'string' },
    'per-host': { type: 'string', default: '8' },
  },
});
if (positionals.join() !== 'fleet') {
  console.error('There is one simulation: npm run simulate -- fleet [--seed 1] [--processes 1000] [--per-host 8]');
  process.exit(1);
}
const seed = Number(values.seed);
const perHost = Number(values['per-host']);
const sizes = values.processes === undefined ? [8, 64, 1_000, 10_000] : [Number(values.processes)];
const seconds = (/** @type {number | undefined} */ ms) => (ms === undefined ? 'never' : (ms / 1_000).toFixed(1));

console.log(`Seed ${seed}; ${perHost} processes a host; a minute's outage; 10 calls a second each (1 from 10,000 on).`);
const outages = [];
for (const processes of sizes) {
  for (const shared of [false, true]) {
    const result = simulateFleet({
      seed,
      processes,
      perHost,
      shared,
      callsPerSecond: processes >= 10_000 ? 1 : 10,
      outage: { fromMs: 2_000, untilMs: 62_000 },
      untilMs: 150_000,
    });
    outages.push({
      processes,
      'shared on a host': shared ? 'yes' : 'no',
      'failed calls until all are open': result.failuresUntilOpen,
      'all open after s': seconds(result.allOpenAfterMs),
      'most probes a second': result.peakProbes,
      'of one host': result.peakProbesOfHost,
      'at once': result.mostProbesAtOnce,
      'all closed after s': seconds(result.allClosedAfterMs),
      fingerprint: result.fingerprint,
    });
  }
}
console.table(outages);

console.log('An outage of the store in failure mode local: a limit of 20,000 a minute, asked for three times as much.');
const admissions = [];
for (const processes of sizes) {
  for (const share of ['1', '1/N']) {
    for (const spread of /** @type {const} */ (['even', 'uneven'])) {
      const result = simulateAdmission({ seed, processes, localShare: share === '1' ? 1 : 1 / processes, spread });
      admissions.push({
        processes,
        localShare: share,
        traffic: spread,
        'admitted, of the limit': result.admittedShare.toFixed(2),
      });
    }
  }
}
console.table(admissions);

console.log('A store that works: a limit of 20,000 a second, asked for four times as much.');
const fleets = values.processes === undefined ? [10, 100, 1_000] : [Number(values.processes)];
const limited = { seed, limit: 20_000, windowMs: 1_000 };
const ways = [
  { name: 'neither', lease: undefined, refusalCache: false },
  { name: 'refusal cache', lease: undefined, refusalCache: true },
  { name: 'lease: true', lease: /** @type {const} */ ('auto'), refusalCache: true },
  { name: 'lease: { size: 50 }', lease: 50, refusalCache: true },
];
const amortised = [];
for (const processes of fleets) {
  for (const { name, ...way } of ways) {
    for (const spread of /** @type {const} */ (['even', 'uneven'])) {
      if (way.lease === undefined && spread === 'uneven') continue;
      const result = await simulateAmortised({ ...limited, processes, ...way, spread });
      amortised.push({
        processes,
        with: name,
        traffic: spread,
        'admitted, of the limit, least': result.leastShare.toFixed(3),
        most: result.mostShare.toFixed(3),
        'calls to the store for each call': result.asked.toFixed(3),
      });
    }
  }
}
console.table(amortised);

console.log('The same, where one process resets the counter: what is admitted since then, in that window.');
const resets = [];
for (const processes of fleets) {
  for (const resetWhen of /** @type {const} */ (['half is used', 'nothing is left'])) {
    for (const { name, ...way } of ways) {
      const result = await simulateAmortised({ ...limited, processes, ...way, spread: 'even', resetWhen });
      resets.push({ processes, when: resetWhen, with: name, 'admitted, of the limit': result.mostShare.toFixed(3) });
    }
  }
}
console.table(resets);
