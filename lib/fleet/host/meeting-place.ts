import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, realpathSync } from 'node:fs';
import cluster from 'node:cluster';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { RateLimitConfigurationError } from '../../contracts/errors.js';

/** Maximum length of a socket path on every system, in bytes. */
const MAX_PATH_BYTES = 100;

/**
 * The meeting place of processes with the same file: a socket next to it.
 *
 * @throws RateLimitConfigurationError if the folder of the file does not exist
 */
export function besideFile(path: string): string {
  const whole = join(realFolderOf(path), basename(path));
  if (process.platform === 'win32') return pipe(whole);
  const beside = `${whole}.sock`;
  return Buffer.byteLength(beside) <= MAX_PATH_BYTES ? beside : join(ownFolder(), `${hashOf(whole)}.sock`);
}

/** The folder of a file, without symbolic links: processes that name it in different ways meet in one place. */
function realFolderOf(path: string): string {
  const folder = dirname(resolve(path));
  try {
    return realpathSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new RateLimitConfigurationError(
      'fileBreakerState.path',
      path,
      `Its folder is missing: make the folder ${folder}.`,
    );
  }
}

/**
 * The meeting place of the workers of one `node:cluster`, or the threads of one process.
 *
 * @param temporary the folder for temporary files
 */
export function ofThisProcess(temporary = tmpdir()): string {
  // Workers of a cluster have the same parent. A process manager with several applications has several scripts.
  const group = cluster.isWorker ? `${process.ppid}-${hashOf(process.argv[1] ?? '')}` : String(process.pid);
  if (process.platform === 'win32') return pipe(group);
  return join(ownFolder(temporary), `${group}.sock`);
}

/**
 * A folder for sockets that only this user can enter.
 *
 * @throws RateLimitConfigurationError if other users can enter it, or it belongs to another user
 */
function ownFolder(temporary = tmpdir()): string {
  const uid = process.getuid?.() ?? 0;
  const folder = join(temporary, `floodgate-${uid}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const found = lstatSync(folder);
  if (!found.isDirectory() || found.uid !== uid || (found.mode & 0o077) !== 0) {
    throw new RateLimitConfigurationError(
      'breakerState',
      folder,
      'Processes meet in this folder, but other users can enter it. Change its owner to this user and chmod 700 it, or remove it.',
    );
  }
  return folder;
}

/** There is a socket, but no process of this package answers. */
export const nobodyAt = (path: string): RateLimitConfigurationError =>
  new RateLimitConfigurationError(
    'breakerState',
    path,
    'No process answers there. Remove this file if no process uses it. Processes of two releases do not share.',
  );

const pipe = (text: string): string => `\\\\.\\pipe\\floodgate-${hashOf(text)}`;

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);
