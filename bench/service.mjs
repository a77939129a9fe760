// What a decision in memory costs an application: `BackendService.consume` and a `limiter()` handle, beside the stores
// that people use now and beside what no limiter can beat, a Map that an async function counts in. Each ratio is to that
// in the same round, and medians are shown.
//   npm run bench -- service
import 'reflect-metadata';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { BackendService, memoryBackend, RateLimitModule } from '../dist/esm/index.js';
import { compete, contend, keysOf } from './support/contest.mjs';
import { median } from './support/median.mjs';
import { memoryPeers } from './support/memory-peers.mjs';
import { report } from './support/report.mjs';

// The Nest that the package finds, not the one that peers bring along here.
const { resolve } = createRequire(new URL('../package.json', import.meta.url));
const { NestFactory } = await import(pathToFileURL(resolve('@nestjs/core')));

const WINDOW_MS = 3_600_000;
const MANY = 100_000;
const BARE = 'a Map in an async function';

/** Contenders by name: each makes, for its limits, a function that promises to decide on a key. */
const contenders = {
  [BARE]: (limits) => {
    const maps = limits.map(() => new Map());
    return async (key) => {
      let allowed = true;
      for (let index = 0; index < maps.length; index += 1) {
        const used = (maps[index].get(key) ?? 0) + 1;
        maps[index].set(key, used);
        if (used > limits[index]) allowed = false;
      }
      return allowed;
    };
  },
  'BackendService.consume': async (limits) => {
    const { service, names } = await application(limits);
    return (key) => service.consume(key, names);
  },
  'a limiter() handle': async (limits) => {
    const { service, names } = await application(limits);
    const limiter = service.limiter(names);
    return (key) => limiter.consume(key);
  },
  ...memoryPeers(WINDOW_MS),
};

const LIMITS = [1_000_000_000, 2_000_000_000, 3_000_000_000];
const scenarios = {
  'one hot key': { limits: LIMITS.slice(0, 1), keys: 1 },
  '100,000 keys': { limits: LIMITS.slice(0, 1), keys: MANY },
  'three policies, one hot key': { limits: LIMITS, keys: 1 },
  'three policies, 100,000 keys': { limits: LIMITS, keys: MANY },
  'one hot key, refused': { limits: [1], keys: 1 },
};

async function application(limits) {
  const names = limits.map((_limit, index) => `policy-${index}`);
  const policies = Object.fromEntries(limits.map((limit, index) => [names[index], { limit, window: WINDOW_MS }]));
  const module = RateLimitModule.forRoot({ policies, backend: memoryBackend({ maxKeys: 4 * MANY }) });
  const app = await NestFactory.createApplicationContext(module, { logger: false, abortOnError: false });
  return { service: app.get(BackendService), names };
}

const [task, contender, scenario] = process.argv.slice(2);
if (task === '--contend') {
  const { limits, keys } = scenarios[scenario];
  await contend(await contenders[contender](limits), keysOf(keys));
} else {
  for (const name of Object.keys(scenarios)) {
    const runs = await compete(import.meta.filename, Object.keys(contenders), name);
    const [bare] = runs;
    const rows = runs.map(({ contender: one, rates }) => [
      one,
      {
        'decisions/s': Math.round(median(rates)),
        ratio: Number(median(rates.map((rate, round) => rate / bare.rates[round])).toFixed(2)),
      },
    ]);
    report(`Decisions in memory, a second of processor time: ${name}`, Object.fromEntries(rows));
  }
}
