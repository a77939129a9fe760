import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { install, runs } from './package-manager.js';

const PACKAGES = { 'apt-get': 'postgresql', apk: 'postgresql', dnf: 'postgresql-server', brew: 'postgresql@16' };

/** What the tests run: all of one version. */
const PROGRAMS = ['postgres', 'initdb', 'pg_basebackup'];

/** Where package managers put the programs of each version, which are not on PATH. */
const PARENTS = ['/usr/lib/postgresql', '/usr/libexec', '/usr', '/opt/homebrew/opt', '/usr/local/opt'];

/**
 * Finds the directory of PostgreSQL's programs: `POSTGRES_BIN_DIR`, else on PATH or where package managers put it,
 * else installed by the system's package manager where it may.
 *
 * @returns {string} the directory
 * @throws {Error} one line that says what to install
 */
export function postgresBinaries() {
  const given = process.env['POSTGRES_BIN_DIR'];
  if (given) {
    if (isComplete(given)) return given;
    throw new Error(
      `POSTGRES_BIN_DIR is '${given}', where not all of ${PROGRAMS.join(', ')} run. Point it at the programs of PostgreSQL, or unset it.`,
    );
  }
  const found = find() ?? (install('PostgreSQL', PACKAGES) ? find() : undefined);
  if (found !== undefined) return found;
  throw new Error(
    'The tests need PostgreSQL (13 or later): install the package `postgresql` (Debian, Ubuntu, Alpine) or ' +
      '`postgresql-server` (Fedora), or set POSTGRES_BIN_DIR to the directory of its programs.',
  );
}

function find() {
  const onPath = (process.env['PATH'] ?? '').split(delimiter).filter((directory) => directory !== '');
  return [...onPath, ...PARENTS.flatMap(versionsIn)].find(isComplete);
}

/**
 * The directories of programs under one that has one for each version: the newest first.
 *
 * @param {string} parent
 */
function versionsIn(parent) {
  if (!existsSync(parent)) return [];
  const names = readdirSync(parent).filter((name) => /^(postgresql|pgsql)?[-@]?\d+$/.test(name));
  const versionOf = (/** @type {string} */ name) => Number(/\d+$/.exec(name)?.[0]);
  return names
    .sort((a, b) => versionOf(b) - versionOf(a))
    .flatMap((name) => [join(parent, name, 'bin'), join(parent, name)]);
}

/** @param {string} directory */
function isComplete(directory) {
  return PROGRAMS.every((name) => {
    const program = join(directory, name);
    return existsSync(program) && runs(program, ['--version']);
  });
}
