import { once } from 'node:events';
import { realpathSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BreakerStateStore, CircuitReport } from '../../lib/contracts/breaker-state.js';
import { fileBreakerState, RateLimitConfigurationError } from '../../lib/index.js';
import { eventually } from '../support/eventually.js';
import { RecordingListener } from './recording-listener.js';

const OPEN: CircuitReport = { circuit: 'Shop.pay', state: 'open', step: 1, tripCount: 1, dueInMs: 60_000 };
const HALF_OPEN: CircuitReport = { ...OPEN, state: 'half-open', dueInMs: 0 };

let folder: string;
let path: string;
const opened: BreakerStateStore[] = [];
let foreign: Server | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'floodgate-state-'));
  path = join(folder, 'breakers.json');
});

afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
  foreign?.close();
  foreign = undefined;
  await rm(folder, { recursive: true, force: true });
});

/** Takes the place where processes meet, and answers nobody. */
async function listenInstead(): Promise<void> {
  foreign = createServer((socket) => socket.destroy()).listen(`${path}.sock`);
  await once(foreign, 'listening');
}

/** Polls until nothing throws. */
const holds = (check: () => unknown): Promise<boolean> =>
  eventually(async () => {
    await check();
    return true;
  });

/** Stores of one process meet as those of several do: by the socket. */
async function open(options: { path?: string; quorum?: number } = {}): Promise<[BreakerStateStore, RecordingListener]> {
  const store = fileBreakerState({ path, ...options });
  const listener = new RecordingListener();
  opened.push(store);
  await store.open(listener);
  return [store, listener];
}

it('tells one process what the others have open, and for how long that holds', async () => {
  const [one] = await open();
  const [, other] = await open();
  one.tell([OPEN]);
  await holds(() => expect(other.peers).toHaveLength(1));
  expect(other.peers[0]).toMatchObject({ circuit: 'Shop.pay', open: 1 });
  expect(other.peers[0]?.hintForMs).toBeGreaterThan(60_000);
  expect(other.peers[0]?.hintForMs).toBeLessThanOrEqual(62_000);
  one.tell([]);
  await holds(() => expect(other.peers).toEqual([]));
});

it('gives the probe to one process at a time; a failed one keeps it until the next is due', async () => {
  const [hub] = await open();
  const [guest, guestHeard] = await open();
  expect(await hub.claim('Shop.pay', 5_000)).toBeUndefined();
  expect(await guest.claim('Shop.pay', 5_000)).toMatchObject({ step: 0 });
  hub.settle('Shop.pay', { forMs: 60_000, step: 3 });
  const refusal = await guest.claim('Shop.pay', 5_000);
  expect(refusal).toMatchObject({ step: 3 });
  expect(refusal?.forMs).toBeGreaterThan(59_000);
  await holds(() => expect(guestHeard.peers[0]?.probe?.step).toBe(3));
  hub.settle('Shop.pay', undefined);
  await holds(() => expect(guestHeard.peers).toEqual([]));
  expect(await guest.claim('Shop.pay', 5_000)).toBeUndefined();
  expect(await hub.claim('Shop.pay', 5_000)).toBeDefined();
});

it('frees the probe of a process that ends', async () => {
  const [hub] = await open();
  const [guest] = await open();
  expect(await guest.claim('Shop.pay', 60_000)).toBeUndefined();
  await guest.close();
  await holds(async () => expect(await hub.claim('Shop.pay', 1_000)).toBeUndefined());
});

it('goes on when the hub ends: another process is the hub, and a probe under way stays the only one', async () => {
  const [hub] = await open();
  const [prober] = await open();
  const [third, thirdHeard] = await open();
  prober.tell([HALF_OPEN]);
  expect(await prober.claim('Shop.pay', 60_000)).toBeUndefined();
  await hub.close();
  await holds(() => expect(thirdHeard.peers[0]).toMatchObject({ open: 1, probe: { step: 0 } }));
  expect(await third.claim('Shop.pay', 1_000)).toMatchObject({ step: 0 });
});

it('keeps an open circuit in the file, for its owner alone, for the process that comes next, and gives it once', async () => {
  const [one] = await open();
  one.tell([OPEN]);
  await holds(async () => expect(await readFile(path, 'utf8')).toContain('Shop.pay'));
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  await one.close();
  const [, next] = await open();
  expect(next.resumes).toMatchObject([{ circuit: 'Shop.pay', step: 1, tripCount: 1 }]);
  expect(next.resumes[0]?.dueInMs).toBeGreaterThan(55_000);
  expect(next.resumes[0]?.dueInMs).toBeLessThanOrEqual(60_000);
  const [, another] = await open();
  expect(another.resumes).toEqual([]);
});

it('gives what an ended process knew to one that starts beside others, and nothing of the living', async () => {
  const [living] = await open();
  const [broken] = await open();
  living.tell([{ ...OPEN, circuit: 'living' }]);
  broken.tell([{ ...OPEN, circuit: 'ended' }]);
  await holds(async () => expect(await readFile(path, 'utf8')).toContain('ended'));
  await broken.close();
  await holds(async () => {
    const [, next] = await open();
    expect(next.resumes.map(({ circuit }) => circuit)).toEqual(['ended']);
  });
});

it('forgets a circuit that is closed', async () => {
  const [one] = await open();
  one.tell([OPEN]);
  await holds(async () => expect(await readFile(path, 'utf8')).toContain('Shop.pay'));
  one.tell([]);
  await holds(async () => expect(await readFile(path, 'utf8')).not.toContain('Shop.pay'));
});

it.each([
  ['half-written', '{"format":"nestjs-floodgate breaker state","version":1,"proc'],
  ['empty', ''],
  ['of zeros', '\0\0\0\0'],
  ['of our format with wrong values', '{"format":"nestjs-floodgate breaker state","version":1,"savedAt":"x"}'],
])('warns once of a file that is %s, and writes it anew', async (_what, text) => {
  await writeFile(path, text);
  const [one, heard] = await open();
  const [, other] = await open();
  expect(heard.warnings).toHaveLength(1);
  expect(heard.warnings[0]).toContain('damaged');
  expect(other.warnings).toEqual([]);
  one.tell([OPEN]);
  await holds(async () => expect(await readFile(path, 'utf8')).toContain('Shop.pay'));
});

it.each([
  ['of a newer release', '{"format":"nestjs-floodgate breaker state","version":2,"all":"new"}'],
  ['JSON of somebody else', '{"name":"shop","version":"1.0.0"}'],
  ['a text of somebody else', '# Notes\nDo not touch.\n'],
])('warns once of a file that is %s, and leaves it alone', async (_what, text) => {
  await writeFile(path, text);
  const [one, heard] = await open();
  one.tell([OPEN]);
  one.tell([]);
  await one.close();
  expect(heard.warnings).toHaveLength(1);
  expect(await readFile(path, 'utf8')).toBe(text);
});

it('warns once, and goes on alone, where the folder is missing', async () => {
  const missing = join(folder, 'missing');
  const [one, heard] = await open({ path: join(missing, 'breakers.json') });
  one.tell([OPEN]);
  expect(await one.claim('Shop.pay', 1_000)).toBeUndefined();
  await one.close();
  const message = `fileBreakerState.path: received '${join(missing, 'breakers.json')}'. Its folder is missing: make the folder ${missing}.`;
  expect(heard.outages.map((outage) => (outage as Error).message)).toEqual([message]);
  expect(heard.warnings).toEqual([]);
});

it('tells what to do about a socket where no process of ours answers, and that the file is damaged, too', async () => {
  await writeFile(path, '{"format":');
  await listenInstead();
  const [, heard] = await open();
  await holds(() => expect(heard.warnings).toEqual([expect.stringContaining('damaged')]));
  expect(heard.outages).toHaveLength(1);
  const [outage] = heard.outages as [RateLimitConfigurationError];
  expect(outage).toBeInstanceOf(RateLimitConfigurationError);
  expect(outage.received).toBe(`${realpathSync(path)}.sock`);
  expect(outage.mend).toContain('Remove this file if no process uses it');
});

it('tells of an outage that comes after a warning of the file', async () => {
  await writeFile(path, '# Notes\n');
  const [one, heard] = await open();
  expect(heard.warnings).toHaveLength(1);
  await one.close();
  await listenInstead();
  await one.open(heard);
  await holds(() => expect(heard.outages).toHaveLength(1));
  expect(heard.warnings).toHaveLength(1);
});

it('takes over the socket of a host that was killed', async () => {
  await writeFile(`${path}.sock`, '');
  const [one, heard] = await open();
  const [other] = await open();
  expect(heard.outages).toEqual([]);
  expect(await one.claim('Shop.pay', 1_000)).toBeUndefined();
  expect(await other.claim('Shop.pay', 1_000)).toBeDefined();
});
