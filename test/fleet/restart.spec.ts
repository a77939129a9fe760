import { fork as forkChild } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { read } from '../../lib/fleet/host/state.document.js';
import { eventually } from '../support/eventually.js';
import { RedisServer } from '../support/redis-server.js';
import { HostProcess } from './host-process.js';
import { callUntilOpen, statuses } from './hosts.js';

const CHURN = fileURLToPath(new URL('./workers/churn.js', import.meta.url));

let redis: RedisServer;
let folder: string;
let path: string;
const processes: HostProcess[] = [];

beforeEach(async () => {
  redis = await RedisServer.start();
  folder = await mkdtemp(join(tmpdir(), 'floodgate-restart-'));
  path = join(folder, 'breakers.json');
});

afterEach(async () => {
  await Promise.all(processes.splice(0).map((one) => one.kill('SIGKILL')));
  await redis.stop();
  await rm(folder, { recursive: true, force: true });
});

async function start(recoveryTimeout: number): Promise<HostProcess> {
  const started = await HostProcess.fork({ url: redis.url, path, recoveryTimeout });
  processes.push(started);
  return started;
}

const drafts = (): string[] => readdirSync(folder).filter((name) => name.endsWith('.tmp'));

/** Kills a process between the first byte of a draft of the file and its rename. */
async function killWhileItWrites(one: HostProcess): Promise<void> {
  await one.ask({ kind: 'churn' });
  await eventually(
    async () => {
      if (drafts().length === 0) return false;
      // Stopped, it can be looked at: a draft that is there now is never renamed.
      one.signal('SIGSTOP');
      await delay(20);
      if (drafts().length > 0) return true;
      one.signal('SIGCONT');
      return false;
    },
    { what: 'a draft is being written', intervalMs: 0 },
  );
  await one.kill('SIGKILL');
}

it.each([
  ['SIGTERM', (one: HostProcess) => one.kill('SIGTERM')],
  ['SIGKILL in the middle of a write of the file', killWhileItWrites],
])(
  'after %s an open circuit has half of its wait left when half has passed',
  async (_how, end) => {
    const waitMs = 12_000;
    const first = await start(waitMs);
    redis.freeze();
    await callUntilOpen([first]);
    const [opened] = await statuses([first]);
    const openedMs = (opened?.atMs ?? 0) - (waitMs - (opened?.retryAfterMs ?? 0));
    await eventually(async () => (await readFile(path, 'utf8').catch(() => '')).includes('backend:redis'));
    await end(first);
    // Part of the wait passes while no process is there.
    await delay(openedMs + 0.3 * waitMs - Date.now());
    const next = await start(waitMs);
    await delay(openedMs + waitMs / 2 - Date.now());
    const [half] = await statuses([next]);
    expect(half).toMatchObject({ state: 'open', failures: 0, warnings: [] });
    // A busy machine may look later than at half.
    const leftMs = openedMs + waitMs - (half?.atMs ?? 0);
    expect(leftMs).toBeLessThanOrEqual(waitMs / 2);
    expect(Math.abs((half?.retryAfterMs ?? 0) - leftMs)).toBeLessThan(500);
  },
  60_000,
);

it('an open circuit outlives SIGTERM and SIGKILL, one after the other, and only its owner can read the file', async () => {
  const recoveryTimeout = 60_000;
  const first = await start(recoveryTimeout);
  redis.freeze();
  await callUntilOpen([first]);
  const [opened] = await statuses([first]);
  await eventually(async () => (await readFile(path, 'utf8').catch(() => '')).includes('backend:redis'));
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  let last = first;
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    await last.kill(signal);
    last = await start(recoveryTimeout);
    const [status] = await statuses([last]);
    expect(status).toMatchObject({ state: 'open', failures: 0, warnings: [] });
    const passedMs = (status?.atMs ?? 0) - (opened?.atMs ?? 0);
    const leftMs = (opened?.retryAfterMs ?? 0) - passedMs;
    expect(Math.abs((status?.retryAfterMs ?? 0) - leftMs)).toBeLessThan(500);
  }
});

it('a process that is killed while it writes leaves a whole file', async () => {
  for (let round = 0; round < 4; round += 1) {
    const child = forkChild(CHURN, { env: { ...process.env, NODE_OPTIONS: '', CHURN_PATH: path } });
    const exited = once(child, 'exit');
    await once(child, 'message');
    await eventually(() => readFile(path, 'utf8').catch(() => ''));
    await delay(20 + 7 * round);
    child.kill('SIGKILL');
    await exited;
    const found = read(await readFile(path, 'utf8'), Date.now());
    expect(found.kind).toBe('document');
    expect(found.kind === 'document' && found.processes.length).toBeGreaterThan(0);
  }
  expect((await readdir(folder)).filter((name) => name.endsWith('.tmp')).length).toBeLessThanOrEqual(4);
});
