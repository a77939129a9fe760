import { spawnSync } from 'node:child_process';

const INSTALL_LIMIT_MS = 5 * 60_000;

/**
 * How each package manager installs. All but brew want to be root.
 *
 * @type {readonly { readonly manager: Manager, readonly root: boolean, readonly steps: readonly string[][] }[]}
 */
const INSTALLERS = [
  { manager: 'apt-get', root: true, steps: [['update'], ['install', '-y', '--no-install-recommends']] },
  { manager: 'apk', root: true, steps: [['add', '--no-cache']] },
  { manager: 'dnf', root: true, steps: [['install', '-y']] },
  { manager: 'brew', root: false, steps: [['install']] },
];

/** @typedef {'apt-get' | 'apk' | 'dnf' | 'brew'} Manager */

/**
 * Installs a server if a package manager is here and may do so without asking.
 *
 * @param {string} what its name, for whoever waits
 * @param {Readonly<Record<Manager, string>>} packages what each package manager calls it
 * @returns {boolean} whether it did
 */
export function install(what, packages) {
  const installer = INSTALLERS.find(({ manager }) => runs(manager, ['--version']));
  if (installer === undefined) return false;
  const { manager, root, steps } = installer;
  const prefix = root ? asRoot() : [];
  if (prefix === undefined) return false;
  console.error(`No ${what} here: installing it with ${manager}.`);
  return steps.every((step, index) => {
    const last = index === steps.length - 1 ? [packages[manager]] : [];
    return succeeds([...prefix, manager, ...step, ...last]);
  });
}

/**
 * Whether a command can be run, and succeeds.
 *
 * @param {string} command
 * @param {readonly string[]} args
 */
export function runs(command, args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

/** What to put before a command to run it as root; `undefined` if that takes a password. */
function asRoot() {
  if (process.getuid?.() === 0) return [];
  return runs('sudo', ['-n', 'true']) ? ['sudo', '-n'] : undefined;
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
