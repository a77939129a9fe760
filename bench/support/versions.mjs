// What the guard and the circuit breaker cost now, beside an earlier version of this package: the processor time of a
// request and of a call. The earlier version is built in a folder of its own, with the libraries of this checkout.
// Versions take turns, each in processes of its own, and medians are shown.
//   npm run bench:versions -- v0.1.0          any commit
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { compete, contend } from './contest.mjs';
import { loadTurn, NEVER, startApp, warmUp } from './http-load.mjs';
import { median } from './median.mjs';
import { report } from './report.mjs';
import { scaled } from './scale.mjs';

const ROUNDS = 8;
/** Requests. */
const WARM_UP = 16_000;
/** Many: how V8 compiles Node's streams differs from process to process, by as much as a guard costs. */
const PROCESSES = scaled(12);
const BREAKER = {
  success: { trips: false, fn: async () => 1 },
  failure: {
    trips: false,
    fn: async () => {
      throw new Error('down');
    },
  },
};
BREAKER['rejection while open'] = { ...BREAKER.failure, trips: true };

const root = fileURLToPath(new URL('../..', import.meta.url));
const [task, version, scenario] = process.argv.slice(2);
if (task === '--contend') await contend(await breakerCall(BREAKER[scenario], version), ['a key']);
else if (task === undefined) console.error('Give the commit to compare with: npm run bench:versions -- v0.1.0');
else await compare(task);

async function compare(commit) {
  const folder = mkdtempSync(join(tmpdir(), 'floodgate-version-'));
  const git = (...args) => execFileSync('git', args, { cwd: root, stdio: 'ignore' });
  try {
    git('worktree', 'add', '--detach', folder, commit);
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    execFileSync('npx', ['nest', 'build', 'esm'], { cwd: folder });
    const versions = { [commit]: `${pathToFileURL(folder).href}/dist/`, now: `${pathToFileURL(root).href}dist/` };
    for (const platform of ['fastify', 'express']) await compareGuards(platform, versions);
    for (const name of Object.keys(BREAKER)) await compareBreakers(name, versions);
  } finally {
    git('worktree', 'remove', '--force', folder);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The guard's share is what a guarded request takes beyond one without a guard. */
async function compareGuards(platform, versions) {
  const contenders = { 'no guard': undefined, ...versions };
  const runs = [];
  for (let one = 0; one < PROCESSES; one += 1) {
    for (const [name, dist] of Object.entries(contenders)) {
      const contender = dist === undefined ? 'bare' : 'nestjs-floodgate';
      runs.push({ name, micros: [], ...(await startApp(contender, { platform, limit: NEVER, dist })) });
    }
  }
  for (const run of runs) await warmUp([run], WARM_UP);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const run of runs) run.micros.push((await loadTurn(run, '2xx')).micros);
  }
  for (const { child } of runs) child.kill();
  const [none, ...others] = Object.keys(contenders).map((name) =>
    meanOf(runs.filter((run) => run.name === name).map(({ micros }) => median(micros))),
  );
  const rowOf = ({ mean, error }) => ({
    'CPU µs a request': rounded(mean),
    'of it the guard': rounded(mean - none.mean),
    'standard error': rounded(Math.hypot(error, none.error)),
  });
  const names = Object.keys(versions);
  const rows = others.map((one, index) => [names[index], rowOf(one)]);
  report(`A guarded request, ${platform}, memory, mean of ${PROCESSES} processes`, {
    'no guard': { 'CPU µs a request': rounded(none.mean) },
    ...Object.fromEntries(rows),
  });
}

/** The mean of values, and its standard error. */
function meanOf(values) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, values.length - 1);
  return { mean, error: Math.sqrt(variance / values.length) };
}

async function compareBreakers(name, versions) {
  const runs = await compete(fileURLToPath(import.meta.url), Object.values(versions), name);
  const [before] = runs;
  const rows = runs.map(({ rates }, index) => [
    Object.keys(versions)[index],
    {
      'CPU ns a call': Math.round(1e9 / median(rates)),
      ratio: Number(median(rates.map((rate, round) => before.rates[round] / rate)).toFixed(2)),
    },
  ]);
  report(`A call through a circuit breaker: ${name}`, Object.fromEntries(rows));
}

async function breakerCall({ trips, fn }, dist) {
  const { Breaker } = await import(`${dist}esm/breaker/breaker.js`);
  const failureThreshold = trips ? 1 : Number.MAX_SAFE_INTEGER;
  const breaker = new Breaker({ name: 'measured', failureThreshold, recoveryTimeout: '1h' });
  const call = () => breaker.execute(fn).catch(() => undefined);
  await call();
  return call;
}

function rounded(micros) {
  return Number(micros.toFixed(1));
}
