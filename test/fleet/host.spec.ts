import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../support/eventually.js';
import { RedisServer } from '../support/redis-server.js';
import { HostProcess } from './host-process.js';
import type { Answer, HostInput } from './workers/breaker-host.js';

const WORKERS = 8;

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

async function cluster(count: number, input: Omit<HostInput, 'url'> = {}): Promise<HostProcess[]> {
  const started = await Promise.all(
    Array.from({ length: count }, () => HostProcess.ofCluster({ url: redis.url, ...input })),
  );
  processes.push(...started);
  return started;
}

async function fork(input: Omit<HostInput, 'url'> = {}): Promise<HostProcess> {
  const started = await HostProcess.fork({ url: redis.url, ...input });
  processes.push(started);
  return started;
}

const statuses = (hosts: readonly HostProcess[]): Promise<Answer[]> =>
  Promise.all(hosts.map((one) => one.ask({ kind: 'status' })));

const states = async (hosts: readonly HostProcess[]): Promise<(string | undefined)[]> =>
  (await statuses(hosts)).map(({ state }) => state);

const sum = (numbers: readonly (number | undefined)[]): number =>
  numbers.reduce<number>((all, one) => all + (one ?? 0), 0);

/** Calls one process after the other until no circuit is closed. */
async function callUntilOpen(hosts: readonly HostProcess[]): Promise<void> {
  for (const one of hosts) {
    for (let call = 0; call < 5 && (await one.ask({ kind: 'status' })).state === 'closed'; call += 1) {
      await one.ask({ kind: 'call' });
    }
  }
}

it('eight workers of a cluster open against a frozen Redis after 12 failed calls together, without a word in the primary', async () => {
  const workers = await cluster(WORKERS);
  await Promise.all(workers.map((one) => one.ask({ kind: 'call' })));
  redis.freeze();
  await callUntilOpen(workers);
  expect(await states(workers)).toEqual(Array.from({ length: WORKERS }, () => 'open'));
  const failures = sum((await statuses(workers)).map((one) => one.failures));
  expect(failures).toBeLessThanOrEqual(12);
  expect(failures).toBeGreaterThanOrEqual(5);
});

it('one worker that cannot reach Redis opens no other', async () => {
  const workers = await cluster(3);
  const broken = await HostProcess.ofCluster({ url: 'redis://127.0.0.1:1' });
  processes.push(broken);
  await callUntilOpen([broken]);
  expect(await states([broken])).toEqual(['open']);
  await delay(700);
  for (let round = 0; round < 5; round += 1) {
    expect(await Promise.all(workers.map((one) => one.ask({ kind: 'call' })))).toMatchObject([
      { ok: true },
      { ok: true },
      { ok: true },
    ]);
  }
  expect(await states(workers)).toEqual(['closed', 'closed', 'closed']);
});

it('one of eight workers probes at a due time, and one that is killed while it probes wedges nothing', async () => {
  const recoveryTimeout = 1_000;
  const workers = await cluster(WORKERS, { recoveryTimeout });
  await Promise.all(workers.map((one) => one.ask({ kind: 'call' })));
  redis.freeze();
  await callUntilOpen(workers);
  const begin = Date.now();
  await Promise.all(workers.map((one) => one.ask({ kind: 'traffic', everyMs: 10 })));
  await delay(3_500);
  const probes = (await statuses(workers)).flatMap((one) => one.probes ?? []).sort((a, b) => a - b);
  const gaps = probes.slice(1).map((time, index) => time - (probes[index] as number));
  expect(probes.length).toBeGreaterThanOrEqual(2);
  // A due time is a second after a probe failed, which takes 100 ms.
  for (const gap of gaps) expect(gap).toBeGreaterThan(recoveryTimeout);
  expect(probes.length).toBeLessThanOrEqual(1 + (Date.now() - begin) / recoveryTimeout);
});

it('an open circuit outlives a restart with what was left of its wait', async () => {
  const path = join(folder, 'breakers.json');
  const one = await fork({ path, recoveryTimeout: 20_000 });
  await one.ask({ kind: 'call' });
  redis.freeze();
  await callUntilOpen([one]);
  await delay(200);
  await one.kill('SIGTERM');
  const next = await fork({ path, recoveryTimeout: 20_000 });
  const [status] = await statuses([next]);
  expect(status).toMatchObject({ state: 'open', failures: 0, warnings: [] });
  expect(status?.retryAfterMs).toBeGreaterThan(5_000);
  expect(status?.retryAfterMs).toBeLessThan(19_800);
});

it('all close within a moment once the server is back', async () => {
  const workers = await cluster(WORKERS, { recoveryTimeout: 500 });
  await Promise.all(workers.map((one) => one.ask({ kind: 'call' })));
  redis.freeze();
  await callUntilOpen(workers);
  await Promise.all(workers.map((one) => one.ask({ kind: 'traffic', everyMs: 10 })));
  redis.thaw();
  await eventually(async () => (await states(workers)).every((state) => state === 'closed'));
});
