import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { postgresBinaries } from '../../test/support/postgres-binary.js';
import { freePort } from './free-port.mjs';

const TICKS_PER_SECOND = 100;

/** A PostgreSQL on loopback, as it is installed but for these settings, with a cluster that is removed at the end. */
export async function startServer(settings) {
  const binaries = postgresBinaries();
  const directory = mkdtempSync(join(tmpdir(), 'floodgate-bench-'));
  const owner = process.getuid?.() === 0 ? ownerOfServers() : {};
  if (owner.uid !== undefined) chownSync(directory, owner.uid, owner.gid);
  const data = join(directory, 'data');
  const options = { cwd: directory, stdio: 'ignore', ...owner };
  execFileSync(join(binaries, 'initdb'), ['-D', data, '-U', 'bench', '-A', 'trust', '--locale=C'], options);
  const port = await freePort();
  const all = { listen_addresses: '127.0.0.1', unix_socket_directories: '', ...settings };
  const args = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const child = spawn(join(binaries, 'postgres'), ['-D', data, '-p', String(port), ...args], options);
  process.on('exit', () => child.kill('SIGQUIT'));
  const url = `postgres://bench@127.0.0.1:${port}/postgres`;
  await serves(url);
  return {
    url,
    cpuMs: () => cpuOf(child.pid),
    async stop() {
      child.kill('SIGQUIT');
      await once(child, 'exit');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function serves(url) {
  for (;;) {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return;
    } catch {
      await delay(50);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

/** Processor time of a process and its children so far, ms; where the system tells it. */
function cpuOf(pid) {
  if (!existsSync('/proc/self/stat')) return Number.NaN;
  let ticks = 0;
  for (const name of readdirSync('/proc').filter((one) => /^\d+$/.test(one))) {
    try {
      const fields = readFileSync(`/proc/${name}/stat`, 'utf8').split(') ').at(-1).split(' ');
      if (Number(name) === pid || Number(fields[1]) === pid) ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // It has ended.
    }
  }
  return (ticks * 1000) / TICKS_PER_SECOND;
}

function ownerOfServers() {
  const id = (kind) => Number(execFileSync('id', [kind, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}
