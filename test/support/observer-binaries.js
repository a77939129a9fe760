import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { install, runs } from './package-manager.js';
import { redisServerBinary } from './redis-binary.js';

const PROMETHEUS = {
  'apt-get': 'prometheus',
  apk: 'prometheus',
  dnf: 'golang-github-prometheus',
  brew: 'prometheus',
};
const CHROMIUM = { 'apt-get': 'chromium', apk: 'chromium', dnf: 'chromium', brew: 'chromium' };
const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

/** Where a command is, on PATH. */
const pathOf = (/** @type {string} */ command) =>
  (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((directory) => join(directory, command))
    .find(existsSync);

const isThere = (/** @type {string} */ command) => runs(command, ['--version']);

/** Installs Prometheus, which brings `promtool`, unless both are there. */
function ensurePrometheus() {
  const complete = () => ['prometheus', 'promtool'].every(isThere);
  if (complete() || (install('prometheus', PROMETHEUS) && complete())) return;
  throw new Error('The tests need Prometheus and promtool: install the package `prometheus`.');
}

/**
 * Finds a browser: `CHROMIUM_BIN`, else on PATH, else installed by the system's package manager where it may.
 *
 * @returns {string} its path
 * @throws {Error} one line that says what to install
 */
function chromiumBinary() {
  const given = process.env['CHROMIUM_BIN'];
  const find = () => (given ? [given] : BROWSERS.flatMap((name) => pathOf(name) ?? [])).find(isThere);
  const found = find() ?? (!given && install('chromium', CHROMIUM) ? find() : undefined);
  if (found !== undefined) return found;
  throw new Error('The tests need Chromium: install the package `chromium`, or set CHROMIUM_BIN to its path.');
}

/** Jest's global setup: Prometheus is on PATH, and tests find the others in `REDIS_SERVER_BIN` and `CHROMIUM_BIN`. */
export default function setup() {
  try {
    process.env['REDIS_SERVER_BIN'] = redisServerBinary();
    ensurePrometheus();
    process.env['CHROMIUM_BIN'] = chromiumBinary();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}
