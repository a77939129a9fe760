import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../support/eventually.js';
import { RedisServer } from '../support/redis-server.js';
import { HostProcess } from './host-process.js';
import { areAll, callUntilOpen, failuresOf, proberOf, probesOf, statuses } from './hosts.js';
import type { HostInput } from './workers/breaker-host.js';

const WORKERS = 8;
/** Deadline of a call in these processes. */
const TIMEOUT_MS = 250;
/** How long probes are counted: `MINUTE=1` for the proof. */
const PROBING_MS = process.env['MINUTE'] === undefined ? 3_000 : 60_000;

let redis: RedisServer;
const processes: HostProcess[] = [];

beforeEach(async () => {
  redis = await RedisServer.start();
});

afterEach(async () => {
  await Promise.all(processes.splice(0).map((one) => one.kill('SIGKILL')));
  await redis.stop();
});

interface Minute {
  readonly failures: number;
  readonly probes: readonly number[];
  readonly gaps: readonly number[];
}

const summaryOf = ({ failures, probes, gaps }: Minute): string =>
  `${failures} failed calls opened ${WORKERS} circuits; ${probes.length} probes in ${PROBING_MS} ms, ` +
  `${Math.min(...gaps)} to ${Math.max(...gaps)} ms apart\n`;

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

it('eight workers of a cluster: 12 failed calls open all, one probes at a due time, a killed one wedges nothing, all close', async () => {
  const recoveryTimeout = 1_000;
  // A connection that was given up is not probed (see the next test): here it lasts, so that each due time has its probe.
  const workers = await cluster(WORKERS, { recoveryTimeout, socketTimeout: 600_000 });
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
  const gaps = probes.slice(1).map((time, index) => time - (probes[index] as number));
  if (process.env['MINUTE'] !== undefined) process.stdout.write(summaryOf({ failures, probes, gaps }));
  // A due time is a second after a probe failed, which takes a quarter of one. None has two probes, and none has none.
  for (const gap of gaps) expect(gap).toBeGreaterThan(recoveryTimeout);
  expect(probes.length).toBeGreaterThanOrEqual(Math.floor(PROBING_MS / (2 * (recoveryTimeout + TIMEOUT_MS))));
  // But for probes nobody asked Redis; the last may be under way.
  const asked = (await failuresOf(workers)) - before - failures;
  expect(Math.abs(asked - (await probesOf(workers)).length)).toBeLessThanOrEqual(1);

  const prober = await eventually(() => proberOf(workers));
  await prober.kill('SIGKILL');
  const left = workers.filter((one) => one !== prober);
  const seen = (await probesOf(left)).length;
  // Redis is still frozen: another worker probes in its place.
  await eventually(async () => (await probesOf(left)).length > seen, { timeoutMs: 10_000 });
  redis.thaw();
  await eventually(() => areAll(left, 'closed'), { timeoutMs: 10_000 });
});

it('workers that have no connection send no probe, and close one after another when there is one again', async () => {
  const workers = await cluster(3, { recoveryTimeout: 1_000, socketTimeout: 1_000 });
  await eventually(async () =>
    (await Promise.all(workers.map((one) => one.ask({ kind: 'call' })))).every(({ ok }) => ok),
  );
  redis.freeze();
  await callUntilOpen(workers);
  await Promise.all(workers.map((one) => one.ask({ kind: 'traffic', everyMs: 20 })));
  await eventually(async () => (await statuses(workers)).every(({ connected }) => connected === false), {
    timeoutMs: 10_000,
  });
  const { length } = await probesOf(workers);
  await delay(4_000);
  // One may have been under way.
  expect((await probesOf(workers)).length).toBeLessThanOrEqual(length + 1);
  expect(await areAll(workers, 'open')).toBe(true);
  redis.thaw();
  await eventually(() => areAll(workers, 'closed'), { timeoutMs: 10_000 });
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
});

it('one worker that cannot reach Redis opens no other', async () => {
  const [healthy, broken] = await Promise.all([cluster(2), cluster(1, { url: 'redis://127.0.0.1:1' })]);
  await callUntilOpen(broken);
  expect(await areAll(broken, 'open')).toBe(true);
  for (let round = 0; round < 5; round += 1) await Promise.all(healthy.map((one) => one.ask({ kind: 'call' })));
  expect(await areAll(healthy, 'closed')).toBe(true);
  expect(await failuresOf(healthy)).toBe(0);
});
