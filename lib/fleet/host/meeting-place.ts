import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, realpathSync } from 'node:fs';
import cluster from 'node:cluster';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';

/** Longest path of a socket that every system takes, in bytes. */
const MAX_PATH_BYTES = 100;

/** Where processes that keep one file meet: a socket beside it. */
export function besideFile(path: string): string {
  const whole = join(realpathSync(dirname(resolve(path))), basename(path));
  if (process.platform === 'win32') return pipe(whole);
  const beside = `${whole}.sock`;
  return Buffer.byteLength(beside) <= MAX_PATH_BYTES ? beside : join(ownFolder(), `${hashOf(whole)}.sock`);
}

/** Where the workers of one `node:cluster` meet, and the threads of one process. */
export function ofThisProcess(): string {
  // Workers of a cluster have one parent; one that runs several applications, as a process manager does, has several scripts.
  const group = cluster.isWorker ? `${process.ppid}-${hashOf(process.argv[1] ?? '')}` : String(process.pid);
  if (process.platform === 'win32') return pipe(group);
  return join(ownFolder(), `${group}.sock`);
}

/**
 * A folder for sockets that only this user can enter.
 *
 * @throws Error if it is somebody else's
 */
function ownFolder(): string {
  const uid = process.getuid?.() ?? 0;
  const folder = join(tmpdir(), `floodgate-${uid}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const found = lstatSync(folder);
  if (!found.isDirectory() || found.uid !== uid || (found.mode & 0o077) !== 0) {
    throw Object.assign(new Error('The folder for sockets is open to others'), { code: 'EPERM' });
  }
  return folder;
}

const pipe = (text: string): string => `\\\\.\\pipe\\floodgate-${hashOf(text)}`;

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);
