import { install, runs } from './package-manager.js';

const PACKAGES = { 'apt-get': 'redis-server', apk: 'redis', dnf: 'redis', brew: 'redis' };

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
    if (isServer(given)) return given;
    throw new Error(`REDIS_SERVER_BIN is '${given}', which does not run. Point it at a redis-server, or unset it.`);
  }
  if (isServer('redis-server') || (install('redis-server', PACKAGES) && isServer('redis-server'))) {
    return 'redis-server';
  }
  throw new Error(
    'The tests need a redis-server (7 or later): install the package `redis-server` (Debian, Ubuntu) or `redis` ' +
      '(others), or set REDIS_SERVER_BIN to its path.',
  );
}

/** @param {string} command */
const isServer = (command) => runs(command, ['--version']);
