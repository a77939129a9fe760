// What a circuit breaker costs: a call that succeeds, one that fails, one that is rejected while open, and a breaker
// that nobody uses. Rounds are interleaved, each ratio is to the bare call of the same round, and medians are shown.
//   npm run bench -- breaker
import { setTimeout as sleep } from 'node:timers/promises';
import { circuitBreaker, ConsecutiveBreaker, handleAll } from 'cockatiel';
import Opossum from 'opossum';
import { Breaker } from '../dist/esm/breaker/breaker.js';
import { median } from './support/median.mjs';
import { report } from './support/report.mjs';
import { scaled } from './support/scale.mjs';

const ROUNDS = scaled(41);
/** Length of one contender's turn: by time, for one of them takes longer the more calls it has seen. */
const TURN_NS = 12_000_000n;
const BATCH = 100;
const IDLE = 10_000;
const NEVER = Number.MAX_SAFE_INTEGER;

const error = new Error('down');
const succeed = async () => 1;
const fail = async () => {
  throw error;
};
const failAnew = async () => {
  throw new Error('down');
};

const passOn = (value) => value;
const throwOn = (reason) => {
  throw reason;
};

/** Every contender: how it is made (to trip never, or at the first failure), called, and put away. */
const contenders = {
  // Sees how each call ends, and does nothing about it: what no breaker can beat.
  'by hand': {
    make: () => undefined,
    call: (_breaker, fn) => fn().then(passOn, throwOn),
    close: () => undefined,
  },
  floodgate: {
    make: (name, trips) => new Breaker({ name, failureThreshold: trips ? 1 : NEVER, recoveryTimeout: '1h' }),
    call: (breaker, fn) => breaker.execute(fn),
    close: () => undefined,
  },
  cockatiel: {
    make: (_name, trips) =>
      circuitBreaker(handleAll, { halfOpenAfter: 3_600_000, breaker: new ConsecutiveBreaker(trips ? 1 : Infinity) }),
    call: (policy, fn) => policy.execute(fn),
    close: () => undefined,
  },
  opossum: {
    make: (name, trips) =>
      new Opossum((fn) => fn(), {
        name,
        timeout: false,
        resetTimeout: 3_600_000,
        errorThresholdPercentage: trips ? 1 : 100,
        volumeThreshold: trips ? 0 : NEVER,
      }),
    call: (breaker, fn) => breaker.fire(fn),
    close: (breaker) => breaker.shutdown(),
  },
};

const scenarios = [
  { name: 'success', fn: succeed, bare: succeed, trips: false },
  { name: 'failure', fn: fail, bare: fail, trips: false },
  { name: 'failure, a new error each', fn: failAnew, bare: failAnew, trips: false },
  { name: 'rejection while open', fn: fail, bare: fail, trips: true },
];

async function nanosecondsPerCall(call) {
  const start = process.hrtime.bigint();
  let elapsed = 0n;
  let made = 0;
  while (elapsed < TURN_NS) {
    for (let index = 0; index < BATCH; index += 1) {
      try {
        await call();
      } catch {
        // What is measured is the way to here.
      }
    }
    made += BATCH;
    elapsed = process.hrtime.bigint() - start;
  }
  return Number(elapsed) / made;
}

async function measure({ name, fn, bare, trips }) {
  const calls = { bare };
  const opened = [];
  for (const [contender, { make, call, close }] of Object.entries(contenders)) {
    const breaker = make('measured', trips);
    if (trips) await call(breaker, fn).catch(() => undefined);
    calls[contender] = () => call(breaker, fn);
    opened.push(() => close(breaker));
  }
  for (let round = 0; round < 5; round += 1) {
    for (const call of Object.values(calls)) await nanosecondsPerCall(call);
  }
  const times = Object.fromEntries(Object.keys(calls).map((key) => [key, []]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [key, call] of Object.entries(calls)) times[key].push(await nanosecondsPerCall(call));
  }
  opened.forEach((close) => close());
  const row = { 'bare ns': Math.round(median(times.bare)) };
  for (const contender of Object.keys(contenders)) {
    row[`${contender} ns`] = Math.round(median(times[contender]));
    row[`${contender} x`] = Number(median(times[contender].map((ns, round) => ns / times.bare[round])).toFixed(2));
  }
  return [name, row];
}

function heapBytes() {
  globalThis.gc();
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}

/** Bytes of heap for each breaker that nobody uses, its own name included, and the share of a core that all take. */
async function measureIdle([contender, { make, close }]) {
  const before = heapBytes();
  const breakers = Array.from({ length: IDLE }, (_, index) => make(`breaker-${index}`, false));
  const bytes = (heapBytes() - before - 8 * IDLE) / IDLE;
  await sleep(200);
  const cpu = process.cpuUsage();
  const start = process.hrtime.bigint();
  await sleep(3_000);
  const { user, system } = process.cpuUsage(cpu);
  const micros = Number(process.hrtime.bigint() - start) / 1_000;
  breakers.forEach(close);
  return [
    contender,
    { 'bytes each': Math.round(bytes), 'core %': Number((((user + system) / micros) * 100).toFixed(2)) },
  ];
}

const calls = [];
for (const scenario of scenarios) calls.push(await measure(scenario));
report('A call through a circuit breaker, x the bare call', Object.fromEntries(calls));

const idle = [];
for (const contender of Object.entries(contenders).slice(1)) idle.push(await measureIdle(contender));
report(`${IDLE.toLocaleString('en')} idle circuit breakers`, Object.fromEntries(idle));
