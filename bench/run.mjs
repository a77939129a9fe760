// Runs the benchmarks beside this file one after another, each in a process of its own. A page whose benchmarks all ran, in
// all their rounds, is written anew.
//   npm run bench                  all of docs/benchmarks.md
//   npm run bench -- layers        all of docs/profiles.md
//   npm run bench -- memory redis  some of them: their tables are only printed
//   npm run bench:quick            a quarter of the rounds of those that tell most
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { section } from './support/page.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const all = readdirSync(here)
  .filter((file) => file.endsWith('.mjs') && file !== basename(import.meta.filename))
  .map((file) => basename(file, '.mjs'));

/** The benchmarks of each page. */
const PAGES = {
  'docs/benchmarks.md': {
    title: 'Benchmarks',
    about:
      'The tables of `npm run bench`, which writes this page. [Performance](performance.md) says what they mean, and how to measure your own application.',
    names: all.filter((name) => name !== 'layers'),
  },
  'docs/profiles.md': {
    title: 'Profiles',
    about:
      'Where the time of a decision and of a request goes: tables of `npm run bench -- layers`, which writes this page. [Performance](performance.md) says what they mean.',
    names: ['layers'],
  },
};

const asked = process.argv.slice(2);
const chosen = asked.length > 0 ? asked : PAGES['docs/benchmarks.md'].names;

const unknown = chosen.filter((name) => !all.includes(name));
if (unknown.length > 0) {
  console.error(`No such benchmark: ${unknown.join(', ')}. There are: ${all.join(', ')}.`);
  process.exit(1);
}

const folder = mkdtempSync(join(tmpdir(), 'floodgate-bench-'));
const sections = Object.fromEntries(chosen.map((name) => [name, run(name)]));
rmSync(folder, { recursive: true });
for (const [page, { title, about, names }] of Object.entries(PAGES)) {
  const isWhole = process.env.BENCH_SCALE === undefined && process.exitCode === undefined;
  if (isWhole && names.every((name) => name in sections)) write(page, title, about, names);
}

function write(page, title, about, names) {
  const parts = [`# ${title}`, about, circumstances(), ...names.map((name) => sections[name])];
  writeFileSync(join(here, '..', page), `${parts.join('\n\n')}\n`);
  execFileSync('npx', ['prettier', '--write', '--log-level', 'warn', page], { cwd: join(here, '..') });
}

/** The section of a benchmark, which it runs. */
function run(name) {
  console.log(`\n# ${name}\n`);
  const tables = join(folder, name);
  writeFileSync(tables, '');
  const env = { ...process.env, BENCH_REPORT: tables };
  const start = performance.now();
  const { status } = spawnSync(process.execPath, ['--expose-gc', `${here}${name}.mjs`], { stdio: 'inherit', env });
  if (status !== 0) process.exitCode = 1;
  console.log(`${name} took ${Math.round((performance.now() - start) / 1_000)} s`);
  const lines = readFileSync(tables, 'utf8').split('\n').slice(0, -1);
  return section(
    name,
    lines.map((line) => JSON.parse(line)),
  );
}

function circumstances() {
  const require = createRequire(import.meta.url);
  const peers = Object.keys(require('./package.json').dependencies).map(
    (name) => `${name} ${JSON.parse(readFileSync(join(here, 'node_modules', name, 'package.json'), 'utf8')).version}`,
  );
  const redis = /v=([\d.]+)/.exec(
    execFileSync(process.env.REDIS_SERVER_BIN ?? 'redis-server', ['--version']).toString(),
  );
  const [{ model }] = cpus();
  return [
    `Measured on ${new Date().toISOString().slice(0, 10)} with Node ${process.versions.node} and Redis ${redis?.[1]}, on ${cpus().length} cores (${model}). Beside: ${peers.join(', ')}.`,
    'Contenders take turns. A ratio is to the first row, in the same round; medians are shown, unless a table says otherwise.',
  ].join('\n\n');
}
