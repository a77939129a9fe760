// Runs the suites on what else is supported: older and newer versions of Node, and older versions of the libraries.
// `npm run test:matrix` for all, `npm run test:matrix -- libraries 24` for some. A row of libraries is a copy elsewhere.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const NODES = ['20.19.0', '22.12.0', '24'];
const LIBRARIES = {
  '@nestjs/common': '^11.0.0',
  '@nestjs/core': '^11.0.0',
  '@nestjs/platform-express': '^11.0.0',
  '@nestjs/platform-fastify': '^11.0.0',
  '@nestjs/terminus': '^11.0.0',
  '@nestjs/testing': '^11.0.0',
  ioredis: '^5.0.0',
};
// Without `packaging`, which installs rows of its own, and the pages, whose output is that of the newest versions.
const SUITES = ['test/unit', 'test/e2e', 'test/backends', 'test/conformance'];
const JEST = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js'];

const asked = process.argv.slice(2);
const rows = asked.length > 0 ? asked : ['libraries', ...NODES];
const failed = rows.filter((row) => {
  console.log(`\n== ${row}`);
  return !(row === 'libraries' ? passesInCopy() : passes('npx', ['-y', '-p', `node@${row}`, 'node', ...JEST]));
});
console.log(failed.length === 0 ? `\npassed: ${rows.join(', ')}` : `\nfailed: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;

/** Runs the suites by a command that ends with Jest. @param {string} command @param {string[]} args @param {string} [cwd] */
function passes(command, args, cwd = '.') {
  const env = { ...process.env, NODE_OPTIONS: '' };
  return spawnSync(command, [...args, '--testPathPatterns', ...SUITES], { cwd, env, stdio: 'inherit' }).status === 0;
}

/** The same in a copy of this checkout, with the older libraries in place of the newer ones. */
function passesInCopy() {
  const copy = mkdtempSync(join(tmpdir(), 'floodgate-matrix-'));
  try {
    const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { encoding: 'utf8' });
    for (const file of files.trim().split('\n')) cpSync(file, join(copy, file), { recursive: true });
    const save = Object.entries(LIBRARIES).map(([name, range]) => `devDependencies.${name}=${range}`);
    execFileSync('npm', ['pkg', 'set', ...save], { cwd: copy });
    const options = /** @type {const} */ ({ cwd: copy, stdio: 'inherit' });
    execFileSync('npm', ['install', '--ignore-scripts', '--prefer-offline', '--loglevel', 'error'], options);
    return passes(process.execPath, JEST, copy);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}
