import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { appendFile, chown, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** The superuser of every cluster. */
export const USER = 'floodgate';

const CACHE = fileURLToPath(new URL('../../node_modules/.cache/', import.meta.url));
const INITDB = ['-U', USER, '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];

const run = promisify(execFile);

/** Makes a cluster in `data`: a copy of one that `initdb` made once, which takes a tenth of the time. */
export async function newCluster(directory: string): Promise<void> {
  await copyFolder(await template(), join(directory, 'data'));
}

/** Makes a standby of a server in `data`, as `pg_basebackup` does. */
export async function copyCluster(primaryUrl: string, directory: string): Promise<void> {
  await run(
    program('pg_basebackup'),
    ['-D', join(directory, 'data'), '-d', primaryUrl, '--checkpoint=fast', '--no-sync', '--write-recovery-conf'],
    { cwd: directory, ...ownerOfServers() },
  );
  await appendFile(join(directory, 'data/postgresql.auto.conf'), "hot_standby = 'on'\n");
}

/** A new cluster of this version of PostgreSQL, which stays from one run to the next. */
async function template(): Promise<string> {
  const { stdout: version } = await run(program('initdb'), ['--version']);
  const owner = ownerOfServers();
  const recipe = JSON.stringify([version, owner, INITDB]);
  const kept = join(CACHE, `postgres-${createHash('sha256').update(recipe).digest('hex').slice(0, 12)}`);
  if (existsSync(kept)) return kept;
  const directory = await mkdtemp(join(tmpdir(), 'floodgate-postgres-template-'));
  const draft = `${kept}.${process.pid}`;
  try {
    if (owner !== undefined) await chown(directory, owner.uid, owner.gid);
    await run(program('initdb'), ['-D', join(directory, 'data'), ...INITDB], { cwd: directory, ...owner });
    await mkdir(CACHE, { recursive: true });
    await copyFolder(join(directory, 'data'), draft);
    // Another process may make one at the same time: the first stays.
    await rename(draft, kept).catch((error: unknown) => {
      if (!existsSync(kept)) throw error;
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
    await rm(draft, { recursive: true, force: true });
  }
  return kept;
}

/** With owners and modes, which PostgreSQL insists on. */
async function copyFolder(from: string, to: string): Promise<void> {
  await run('cp', ['-Rp', from, to]);
}

/** The path of one of PostgreSQL's programs. */
export const program = (name: string): string => join(process.env['POSTGRES_BIN_DIR'] ?? '/usr/bin', name);

let owner: { readonly uid: number; readonly gid: number } | undefined;

/** PostgreSQL refuses to run as root: there it runs as `postgres`, whom its packages make, or `nobody`. */
export function ownerOfServers(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (kind: string): number => {
    for (const user of ['postgres', 'nobody']) {
      try {
        return Number(execFileSync('id', [kind, user], { stdio: ['ignore', 'pipe', 'ignore'] }));
      } catch {
        // There is no such user.
      }
    }
    throw new Error('PostgreSQL does not run as root, and there is neither a user postgres nor nobody.');
  };
  owner ??= { uid: id('-u'), gid: id('-g') };
  return owner;
}
