// What a decision in memory costs beside the stores that people use now: on one hot key and on 100,000, for one policy
// and for several, at small and large limits; and what a key weighs. Each contender has a process of its own, as in an
// application, where nothing but its own garbage, timers and compiled code bears on it; they take turns, each ratio is to
// the peer in the same round, and medians are shown. Mind what is compared: express-rate-limit's store reads a clock and
// counts the calls of a key in a fixed window, for one policy, within no bound, and leaves it to its caller to say which
// pass; the others decide.
//   npm run bench -- memory
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { memoryBackend } from '../dist/esm/index.js';
import { testPolicy } from '../dist/esm/testing/index.js';
import { compete, contend, keysOf } from './support/contest.mjs';
import { median } from './support/median.mjs';
import { memoryPeers } from './support/memory-peers.mjs';
import { report } from './support/report.mjs';

// Throttler's module loads all of Nest; the storage alone does.
const require = createRequire(import.meta.url);
const { ThrottlerStorageService } = require('@nestjs/throttler/dist/throttler.service.js');

const MANY = 100_000;
const WEIGHED = 1_000_000;
const WINDOW_MS = 60_000;
const ALGORITHMS = ['sliding-window', 'fixed-window', 'token-bucket', 'sliding-log', 'strict-window'];
/** What all the peers count by. */
const ALIKE = 'fixed-window';
const SLOTS = 'concurrency, taken and freed';

/** Contenders by name: each makes, for its limits, a function that decides on a key, or promises to. */
const peers = {
  ...memoryPeers(WINDOW_MS),
  '@nestjs/throttler': (limits) => {
    const storage = new ThrottlerStorageService();
    if (limits.length === 1) return (key) => storage.increment(key, WINDOW_MS, limits[0], 0, 'default');
    return async (key) => {
      let allowed = true;
      for (const [index, limit] of limits.entries()) {
        if ((await storage.increment(key + index, WINDOW_MS, limit, 0, 'default')).isBlocked) allowed = false;
      }
      return allowed;
    };
  },
};

const floodgate = (algorithm) => (limits) => {
  const backend = memoryBackend({ maxKeys: 2 * WEIGHED });
  const policies = limits.map((limit, index) =>
    testPolicy({ name: `policy-${index}`, algorithm, limit, windowMs: WINDOW_MS }),
  );
  if (policies.length === 1) {
    const [policy] = policies;
    return (key) => backend.consume({ charges: [{ key, policy, cost: 1 }], timeoutMs: 250 });
  }
  return (key) => backend.consume({ charges: policies.map((policy) => ({ key, policy, cost: 1 })), timeoutMs: 250 });
};

/** A call that takes a slot and gives it back: two decisions. */
const slots = ([limit]) => {
  const backend = memoryBackend({ maxKeys: 2 * WEIGHED });
  const policy = testPolicy({ name: 'slots', algorithm: 'concurrency', limit, windowMs: WINDOW_MS });
  let slot = 0;
  return (key) => {
    const charges = [{ key, policy, cost: 1, slot: (slot += 1) }];
    const reply = backend.consume({ charges, timeoutMs: 250 });
    if (reply.allowed) backend.refund({ charges, timeoutMs: 250 });
    return reply;
  };
};

const contenders = {
  ...Object.fromEntries(ALGORITHMS.map((algorithm) => [algorithm, floodgate(algorithm)])),
  ...peers,
  [SLOTS]: slots,
};

const scenarios = [
  { name: 'hot key, limit 100', limits: [100], keys: 1 },
  { name: 'hot key, limit 10,000', limits: [10_000], keys: 1 },
  { name: 'hot key, never refused', limits: [1_000_000_000], keys: 1, without: ['sliding-log', '@nestjs/throttler'] },
  { name: '100,000 keys, limit 100', limits: [100], keys: MANY },
  { name: '100,000 keys, limit 10,000', limits: [10_000], keys: MANY },
  { name: 'two policies, hot key', limits: [100, 10_000], keys: 1, without: [SLOTS] },
  { name: 'two policies, 100,000 keys', limits: [100, 10_000], keys: MANY, without: [SLOTS] },
  { name: 'four policies, hot key', limits: [100, 1000, 5000, 10_000], keys: 1, without: [SLOTS] },
];

/** In a process of its own. */
const contendIn = ({ limits, keys }) => contend(contenders[contender](limits), keysOf(keys));

async function measure({ name, without = [] }, scenario) {
  const asked = Object.keys(contenders).filter((one) => !without.includes(one));
  const runs = await compete(import.meta.filename, asked, String(scenario), { rounds: 7, warmUp: 4 });
  const rates = Object.fromEntries(runs.map((run) => [run.contender, millions(median(run.rates))]));
  const ours = runs.filter(({ contender }) => ALGORITHMS.includes(contender));
  const ratios = runs
    .filter(({ contender }) => contender in peers)
    .map((peer) => {
      const ratioOf = (run) => significant(median(run.rates.map((rate, round) => rate / peer.rates[round])));
      const each = ours.map(ratioOf);
      const alike = ratioOf(ours.find(({ contender }) => contender === ALIKE));
      return [peer.contender, `${alike} (${Math.min(...each)} - ${Math.max(...each)})`];
    });
  return { name, rates, ratios: Object.fromEntries(ratios) };
}

const significant = (ratio) => Number(ratio.toPrecision(2));

const millions = (rate) => Number((rate / 1e6).toFixed(rate < 100_000 ? 4 : 2));

/** Bytes of heap and beside it for each key after so many calls, its own text not counted. In a process of its own. */
async function weigh(contender, calls) {
  // A million keys, or so many that their calls are as many.
  const keys = keysOf(WEIGHED / Math.max(1, calls / 10));
  const before = bytes();
  const decide = contenders[contender]([100]);
  for (let call = 0; call < calls; call += 1) for (const key of keys) await decide(key);
  const perKey = (bytes() - before) / keys.length;
  await decide(keys[0]);
  console.log(Math.round(perKey));
  process.exit();
}

function bytes() {
  globalThis.gc();
  globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function compare() {
  const measured = [];
  for (const [index, scenario] of scenarios.entries()) measured.push(await measure(scenario, index));

  report(
    'Decisions of backends in memory, millions a second',
    Object.fromEntries(measured.map(({ name, rates }) => [name, rates])),
  );
  report(
    `Times as fast as each peer, which all count fixed windows: ${ALIKE} (our slowest algorithm - our fastest)`,
    Object.fromEntries(measured.map(({ name, ratios }) => [name, ratios])),
  );
  const weights = {};
  for (const contender of Object.keys(contenders)) {
    const [one, hundred] = await Promise.all([weightOf(contender, 1), weightOf(contender, 100)]);
    weights[contender] = { '1 call': one, '100 calls': hundred };
  }
  report('Bytes a key, after one call and after 100 under a limit of 100', weights);
}

async function weightOf(contender, calls) {
  const flags = ['--expose-gc', '--max-old-space-size=3000', import.meta.filename, '--weigh', contender, String(calls)];
  try {
    const { stdout } = await promisify(execFile)(process.execPath, flags, { timeout: 120_000 });
    return Number(stdout);
  } catch {
    return 'did not finish';
  }
}

const [task, contender, argument] = process.argv.slice(2);
if (task === '--contend') await contendIn(scenarios[Number(argument)]);
else if (task === '--weigh') await weigh(contender, Number(argument));
else await compare();
