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
import { loadTurn, NEVER, startApp } from './http-load.mjs';
import { median } from './median.mjs';
import { report } from './report.mjs';
import { scaled } from './scale.mjs';

const ROUNDS = scaled(25);
const WARM_UP = scaled(10);
/** What a request costs differs from process to process. */
const PROCESSES = 3;
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
  for (let round = -WARM_UP; round < ROUNDS; round += 1) {
    for (const run of runs) {
      const { micros } = await loadTurn(run, '2xx');
      if (round >= 0) run.micros.push(micros);
    }
  }
  for (const { child } of runs) child.kill();
  const requestOf = (name) => {
    const own = runs.filter((run) => run.name === name);
    return own.reduce((sum, { micros }) => sum + median(micros), 0) / own.length;
  };
  const rows = Object.keys(contenders).map((name) => [
    name,
    {
      'CPU µs a request': rounded(requestOf(name)),
      'of it the guard': rounded(requestOf(name) - requestOf('no guard')),
    },
  ]);
  report(`A guarded request, ${platform}, memory, mean of ${PROCESSES} processes`, Object.fromEntries(rows));
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
