import { spawnSync } from 'node:child_process';

/**
 * How each package manager installs a Redis server. All but brew want to be root.
 *
 * @type {readonly { readonly manager: string, readonly root: boolean, readonly steps: readonly string[][] }[]}
 */
const INSTALLERS = [
  { manager: 'apt-get', root: true, steps: [['update'], ['install', '-y', '--no-install-recommends', 'redis-server']] },
  { manager: 'apk', root: true, steps: [['add', '--no-cache', 'redis']] },
  { manager: 'dnf', root: true, steps: [['install', '-y', 'redis']] },
  { manager: 'brew', root: false, steps: [['install', 'redis']] },
];

const INSTALL_LIMIT_MS = 5 * 60_000;

/**
 * Finds a `redis-server` to run: `REDIS_SERVER_BIN`, else on PATH, else installed by the system's package manager
 * where it may.
 *
 * @returns {string} the command that starts it
 * @throws {Error} one line that says what to install
 */
export function redisServerBinary() {
  const given = process.env['REDIS_SERVER_BIN'];
  if (given) {
    if (runs(given, ['--version'])) return given;
    throw new Error(`REDIS_SERVER_BIN is '${given}', which does not run. Point it at a redis-server, or unset it.`);
  }
  if (runs('redis-server', ['--version']) || (install() && runs('redis-server', ['--version']))) return 'redis-server';
  throw new Error(
    'The tests need a redis-server (7 or later): install the package `redis-server` (Debian, Ubuntu) or `redis` ' +
      '(others), or set REDIS_SERVER_BIN to its path.',
  );
}

/** Jest's global setup: every test file finds the answer in `REDIS_SERVER_BIN`. */
export default function setup() {
  try {
    process.env['REDIS_SERVER_BIN'] = redisServerBinary();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}

/** Installs a server if a package manager is here and may do so without asking; returns whether it did. */
function install() {
  const installer = INSTALLERS.find(({ manager }) => runs(manager, ['--version']));
  if (installer === undefined) return false;
  const prefix = installer.root ? asRoot() : [];
  if (prefix === undefined) return false;
  console.error(`No redis-server here: installing it with ${installer.manager}.`);
  return installer.steps.every((step) => succeeds([...prefix, installer.manager, ...step]));
}

/** What to put before a command to run it as root; `undefined` if that takes a password. */
function asRoot() {
  if (process.getuid?.() === 0) return [];
  return runs('sudo', ['-n', 'true']) ? ['sudo', '-n'] : undefined;
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 */
function runs(command, args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

/** @param {readonly string[]} line */
function succeeds([command = '', ...args]) {
  const { status } = spawnSync(command, args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: INSTALL_LIMIT_MS,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  return status === 0;
}
