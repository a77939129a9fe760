// Runs the suites on what else is supported: older and newer versions of Node, and older versions of the libraries.
// `npm run test:matrix` for all, `npm run test:matrix -- nest-11 24` for some, and `npm run test:matrix -- nest-11
// test/e2e/transports` for some suites of theirs. A row of libraries is a copy elsewhere. The newest of each (Nest 12,
// ioredis 6) is what this checkout has installed.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const NODES = ['20.19.0', '22.12.0', '24'];
// Without `packaging`, which installs rows of its own, and the pages, whose output is that of the newest versions.
const SUITES = ['test/unit', 'test/e2e', 'test/backends', 'test/conformance'];
// What an ioredis can break.
const REDIS_SUITES = ['test/unit/backends', 'test/backends', 'test/conformance', 'test/e2e', 'test/faults/recovery'];
const OF_NEST = ['common', 'core', 'microservices', 'platform-express', 'platform-fastify', 'platform-socket.io'];
const MORE_OF_NEST = ['platform-ws', 'swagger', 'terminus', 'testing', 'websockets'];
const OF_GRAPHQL = ['apollo', 'graphql', 'mercurius'];
const LIBRARIES = new Map([
  [
    'nest-11',
    {
      suites: SUITES,
      versions: {
        ...ofNest([...OF_NEST, ...MORE_OF_NEST], '^11.0.0'),
        ...ofNest(OF_GRAPHQL, '^13.0.0'),
      },
    },
  ],
  ['ioredis-5.10', { suites: REDIS_SUITES, versions: { ioredis: '~5.10.0' } }],
  ['ioredis-5', { suites: REDIS_SUITES, versions: { ioredis: '^5.11.0' } }],
]);
const JEST = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js'];

const asked = process.argv.slice(2);
const suitesAsked = asked.filter((argument) => argument.startsWith('test/'));
const rowsAsked = asked.filter((argument) => !argument.startsWith('test/'));
const rows = rowsAsked.length > 0 ? rowsAsked : [...LIBRARIES.keys(), ...NODES];
const failed = rows.filter((row) => {
  console.log(`\n== ${row}`);
  const libraries = LIBRARIES.get(row);
  if (libraries !== undefined) return !passesInCopy(libraries);
  return !passes('npx', ['-y', '-p', `node@${row}`, 'node', ...JEST], SUITES);
});
console.log(failed.length === 0 ? `\npassed: ${rows.join(', ')}` : `\nfailed: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;

/** @param {readonly string[]} names @param {string} range */
function ofNest(names, range) {
  return Object.fromEntries(names.map((name) => [`@nestjs/${name}`, range]));
}

/**
 * Runs suites by a command that ends with Jest.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {readonly string[]} suites
 * @param {string} [cwd]
 */
function passes(command, args, suites, cwd = '.') {
  const env = { ...process.env, NODE_OPTIONS: '' };
  const patterns = suitesAsked.length > 0 ? suitesAsked : suites;
  return spawnSync(command, [...args, '--testPathPatterns', ...patterns], { cwd, env, stdio: 'inherit' }).status === 0;
}

/**
 * The same in a copy of this checkout, with the older libraries in place of the newer ones.
 *
 * @param {{ readonly suites: readonly string[], readonly versions: Readonly<Record<string, string>> }} libraries
 */
function passesInCopy({ suites, versions }) {
  const copy = mkdtempSync(join(tmpdir(), 'floodgate-matrix-'));
  try {
    const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { encoding: 'utf8' });
    for (const file of files.trim().split('\n')) cpSync(file, join(copy, file), { recursive: true });
    rmSync(join(copy, 'package-lock.json'));
    demand(copy, versions);
    const options = /** @type {const} */ ({ cwd: copy, stdio: 'inherit' });
    // Development dependencies whose peers are the newer versions are not at issue here.
    const install = ['install', '--ignore-scripts', '--prefer-offline', '--legacy-peer-deps', '--loglevel', 'error'];
    execFileSync('npm', install, options);
    return passes(process.execPath, JEST, suites, copy);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/**
 * Not by `npm pkg set`, which takes the dot of `platform-socket.io` for a path.
 *
 * @param {string} directory
 * @param {Readonly<Record<string, string>>} versions
 */
function demand(directory, versions) {
  const path = join(directory, 'package.json');
  /** @type {unknown} */
  const read = JSON.parse(readFileSync(path, 'utf8'));
  const manifest = /** @type {{ devDependencies: Record<string, string> }} */ (read);
  Object.assign(manifest.devDependencies, versions);
  writeFileSync(path, JSON.stringify(manifest, null, 2));
}
