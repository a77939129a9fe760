import { fork as forkChild } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { read } from '../../lib/fleet/host/state.document.js';
import { eventually } from '../support/eventually.js';
import { RedisServer } from '../support/redis-server.js';
import { HostProcess } from './host-process.js';
import type { Answer, HostInput } from './workers/breaker-host.js';

const WORKERS = 8;
/** How long probes are counted: `MINUTE=1` for the proof. */
const PROBING_MS = process.env['MINUTE'] === undefined ? 3_000 : 60_000;
const CHURN = fileURLToPath(new URL('./workers/churn.js', import.meta.url));

let redis: RedisServer;
let folder: string;
const processes: HostProcess[] = [];

beforeEach(async () => {
  redis = await RedisServer.start();
  folder = await mkdtemp(join(tmpdir(), 'floodgate-host-'));
});

afterEach(async () => {
  await Promise.all(processes.splice(0).map((one) => one.kill('SIGKILL')));
  await redis.stop();
  await rm(folder, { recursive: true, force: true });
});

async function cluster(count: number, input: Partial<HostInput> = {}): Promise<HostProcess[]> {
  const started = await Promise.all(
    Array.from({ length: count }, () => HostProcess.ofCluster({ url: redis.url, ...input })),
  );
  processes.push(...started);
  return started;
}

async function fork(input: Partial<HostInput> = {}): Promise<HostProcess> {
  const started = await HostProcess.fork({ url: redis.url, ...input });
  processes.push(started);
  return started;
}

const statuses = (hosts: readonly HostProcess[]): Promise<Answer[]> =>
  Promise.all(hosts.map((one) => one.ask({ kind: 'status' })));

const areAll = async (hosts: readonly HostProcess[], state: string): Promise<boolean> =>
  (await statuses(hosts)).every((one) => one.state === state);

const failuresOf = async (hosts: readonly HostProcess[]): Promise<number> =>
  (await statuses(hosts)).reduce((sum, { failures = 0 }) => sum + failures, 0);

const probesOf = async (hosts: readonly HostProcess[]): Promise<number[]> =>
  (await statuses(hosts)).flatMap(({ probes = [] }) => probes).sort((one, other) => one - other);

/** Calls one process after another until each circuit is open, with a moment in which the first is heard of. */
async function callUntilOpen(hosts: readonly HostProcess[]): Promise<void> {
  for (const one of hosts) {
    for (let call = 0; call < 5 && (await one.ask({ kind: 'status' })).state === 'closed'; call += 1) {
      await one.ask({ kind: 'call' });
    }
    if (one === hosts[0]) await delay(200);
  }
}

it('eight workers of a cluster: 12 failed calls open all, one probes at a due time, a killed one wedges nothing, all close', async () => {
  const recoveryTimeout = 1_000;
  const workers = await cluster(WORKERS, { recoveryTimeout });
  await eventually(async () =>
    (await Promise.all(workers.map((one) => one.ask({ kind: 'call' })))).every(({ ok }) => ok),
  );
  const before = await failuresOf(workers);
  redis.freeze();
  await callUntilOpen(workers.slice(0, 7));
  // Those that opened first may have probed by now: what is counted are calls that open circuits.
  await callUntilOpen(workers.slice(7));
  const probed = (await probesOf(workers)).length;
  const failures = (await failuresOf(workers)) - before - probed;
  expect(failures).toBeLessThanOrEqual(12);
  expect(failures).toBeGreaterThanOrEqual(5);

  await Promise.all(workers.map((one) => one.ask({ kind: 'traffic', everyMs: 20 })));
  await delay(PROBING_MS);
  const probes = await probesOf(workers);
  expect(probes.length).toBeGreaterThanOrEqual(2);
  if (process.env['MINUTE'] !== undefined) process.stdout.write(`${probes.length} probes in ${PROBING_MS} ms\n`);
  const gaps = probes.slice(1).map((time, index) => time - (probes[index] as number));
  // A due time is a second after a probe failed, which takes a quarter of one.
  for (const gap of gaps) expect(gap).toBeGreaterThan(recoveryTimeout);

  const prober = await eventually(async () => {
    const all = await statuses(workers);
    const index = all.findIndex(({ state }) => state === 'half-open');
    return index < 0 ? undefined : { worker: workers[index] };
  });
  await prober.worker?.kill('SIGKILL');
  const left = workers.filter((one) => one !== prober.worker);
  redis.thaw();
  await eventually(() => areAll(left, 'closed'), { timeoutMs: 10_000 });
}, 150_000);

it('an open circuit outlives SIGTERM and SIGKILL with what was left of its wait, and no key is in the file', async () => {
  const path = join(folder, 'breakers.json');
  const recoveryTimeout = 60_000;
  const first = await fork({ path, recoveryTimeout });
  redis.freeze();
  await callUntilOpen([first]);
  const [opened] = await statuses([first]);
  await eventually(async () => (await readFile(path, 'utf8').catch(() => '')).includes('backend:redis'), {
    timeoutMs: 1_000,
  });
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  let last = first;
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    await last.kill(signal);
    last = await fork({ path, recoveryTimeout });
    const [status] = await statuses([last]);
    expect(status).toMatchObject({ state: 'open', failures: 0, warnings: [] });
    const passedMs = (status?.atMs ?? 0) - (opened?.atMs ?? 0);
    const leftMs = (opened?.retryAfterMs ?? 0) - passedMs;
    expect(Math.abs((status?.retryAfterMs ?? 0) - leftMs)).toBeLessThan(500);
  }
}, 60_000);

it('a process that is killed while it writes leaves a whole file', async () => {
  const path = join(folder, 'breakers.json');
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

it('a store of breaker state that dies changes nothing but one warning, and one that is away from the start neither', async () => {
  await using state = await RedisServer.start();
  const workers = [await fork({ stateUrl: state.url }), await fork({ stateUrl: state.url })];
  await state.kill();
  workers.push(await fork({ stateUrl: state.url }));
  const [third] = workers.slice(2);
  await eventually(async () => (await statuses(workers)).every(({ warnings = [] }) => warnings.length === 1));
  for (const one of workers) expect(await one.ask({ kind: 'call' })).toMatchObject({ ok: true });
  redis.freeze();
  await callUntilOpen([third as HostProcess]);
  expect(await failuresOf([third as HostProcess])).toBe(5);
  await state.restart();
  await delay(3_000);
  // It is heard of again: one failure opens here.
  await callUntilOpen([workers[0] as HostProcess]);
  expect(await failuresOf(workers.slice(0, 1))).toBe(1);
  expect((await statuses(workers)).map(({ warnings }) => warnings?.length)).toEqual([1, 1, 1]);
}, 60_000);

it('one worker that cannot reach Redis opens no other', async () => {
  const [healthy, broken] = await Promise.all([cluster(2), cluster(1, { url: 'redis://127.0.0.1:1' })]);
  await callUntilOpen(broken);
  expect(await areAll(broken, 'open')).toBe(true);
  for (let round = 0; round < 5; round += 1) await Promise.all(healthy.map((one) => one.ask({ kind: 'call' })));
  expect(await areAll(healthy, 'closed')).toBe(true);
  expect(await failuresOf(healthy)).toBe(0);
}, 60_000);
