import { failoverBackend, memoryBackend, type Backend, type RateLimitModuleOptions } from 'nestjs-floodgate';
import type { Platform } from '../support/http-app.js';
import { expectNoUnhandled } from '../support/unhandled.js';
import { FaultyApp, isOfStore, LIMIT, type Answer } from './faulty-app.js';
import { between, expectOneWarning, type Heard } from './heard.js';
import { rowIn, withoutTimes } from './fault-table.js';
import { headersOf, keepStore, latencies, median, readDocument, statusesOf } from './measurements.js';
import { renderStoreTable, type StoreCell } from './store-table.js';

/** One way in which a store fails. */
export interface StoreFault {
  readonly name: string;
  /** What failed calls say, so that the fault is what it is called. */
  readonly reason: RegExp;
  /** Nobody serves wrongly: it is set up wrongly. Then every call is a 500, whatever the failure mode. */
  readonly isMistake?: boolean;
  /** A health check writes nothing, and finds nothing wrong. */
  readonly isHidden?: boolean;
  /** Starts a server that works. */
  start(): Promise<StoreScene>;
}

/** A server that a test can break in one way, and mend. */
export interface StoreScene extends AsyncDisposable {
  /** A backend on it, under a name of its own. */
  backend(name: string): Backend;
  break(): Promise<unknown>;
  mend(): Promise<unknown>;
}

/** What each mode promises while the backend is down. */
const MODES = {
  closed: { platform: 'express', statuses: [503], source: undefined, health: [503, 'error'] },
  open: { platform: 'fastify', statuses: [200], source: 'none', health: [200, 'degraded'] },
  local: { platform: 'express', statuses: [200, 429], source: 'local', health: [200, 'degraded'] },
  'failover to memory': { platform: 'fastify', statuses: [200, 429], source: 'fallback', health: [200, 'ok'] },
} as const satisfies Record<string, Promised>;

interface Promised {
  readonly platform: Platform;
  readonly statuses: readonly number[];
  readonly source: string | undefined;
  readonly health: readonly [number, string];
}

type Mode = keyof typeof MODES;

const RECOVERY_MS = 1_000;
/** So long that a busy machine is not taken for an outage. */
const DEADLINE_MS = 750;
const FAILURE_THRESHOLD = 5;

let apps = 0;

async function startApp(mode: Mode, scene: StoreScene): Promise<FaultyApp> {
  apps += 1;
  const name = `store-${mode}-${apps}`;
  const backend = scene.backend(name);
  const circuitBreaker = { recoveryTimeout: RECOVERY_MS, backoffMultiplier: 1, jitter: 0 };
  const options: RateLimitModuleOptions =
    mode === 'failover to memory'
      ? {
          backend: failoverBackend([backend, memoryBackend()], { failbackInterval: 100 }),
          circuitBreaker,
          timeout: DEADLINE_MS,
        }
      : { backend, failureMode: mode, circuitBreaker, timeout: DEADLINE_MS };
  return FaultyApp.start(MODES[mode].platform, name, options);
}

/** One application for each mode. */
async function startAll(scene: StoreScene) {
  const modes = Object.keys(MODES) as Mode[];
  const running = await Promise.all(modes.map(async (mode) => ({ mode, app: await startApp(mode, scene) })));
  return {
    running,
    async [Symbol.asyncDispose]() {
      await Promise.all(running.map(({ app }) => app.close()));
    },
  };
}

const admitted = (answers: readonly Answer[]): number => answers.filter(({ status }) => status === 200).length;

/** Asks until the circuit is open. */
async function untilOpen(app: FaultyApp, ask: () => Promise<Answer>): Promise<Answer[]> {
  const answers: Answer[] = [];
  while (app.circuit !== 'open' && answers.length < 3 * FAILURE_THRESHOLD) answers.push(await ask());
  return answers;
}

/** What one application answers while the store is down. */
async function whileBroken(mode: Mode, app: FaultyApp, heardBefore: Heard, { isMistake = false }: StoreFault) {
  // An answer that comes too late is an outage, not a mistake.
  const told = <T>(call: () => Promise<T>): Promise<T> => (isMistake ? app.inTime(call) : call());
  const ask = () => told(() => app.ask('outage'));
  const before = await untilOpen(app, ask);
  const open: Answer[] = [];
  while (open.length < LIMIT + 2) open.push(await ask());
  const health = await told(() => app.health());
  return { mode, app, before, open, answers: [...before, ...open], health, heardBefore };
}

type Course = Awaited<ReturnType<typeof whileBroken>>;

/** The row of the docs that these courses make. */
function rowOf(fault: string, courses: readonly Course[]) {
  const cells = courses.map(({ mode, before, open, answers }) => [
    mode,
    {
      status: statusesOf(answers),
      headers: headersOf(answers),
      beforeMs: Math.max(...latencies(before)),
      openMs: median(latencies(open)),
    },
  ]);
  return { storeFault: fault, cells: Object.fromEntries(cells) as Record<Mode, StoreCell> };
}

function expectOutage(
  { mode, app, answers, health, heardBefore }: Course,
  { reason, isHidden = false }: StoreFault,
): void {
  const { statuses, source } = MODES[mode];
  expect(app.reasons().join(' ')).toMatch(reason);
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set(statuses));
  for (const { status, body, retryAfter } of answers) {
    if (status === 200) expect(body.source).toBe(source);
    else expect(retryAfter).toMatch(/^[1-9]\d*$/);
  }
  if (mode !== 'open') expect(admitted(answers)).toBe(mode === 'closed' ? 0 : LIMIT);
  if (!isHidden) expect(health).toEqual(MODES[mode].health);
  expectOneWarning(heardBefore, between(heardBefore, app.heard()));
}

function expectMistake({ app, answers, health }: Course, { reason }: StoreFault): void {
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([500]));
  expect(app.lines().join('\n')).toMatch(reason);
  expect(health[0]).toBe(503);
}

/** What each failure mode makes of a store's faults, and what the docs say of it. */
export function describeStoreFaults(store: string, faults: readonly StoreFault[]): void {
  describe.each(faults)(`${store}: $name`, (fault) => {
    it('is answered as each mode promises, and is over once it is mended', async () => {
      await expectNoUnhandled(async () => {
        await using scene = await fault.start();
        await using started = await startAll(scene);
        const { running } = started;
        const steady = new Map<FaultyApp, string>();
        for (const { app } of running) {
          await app.untilPrimary();
          const { client, answers } = await app.askStore(LIMIT / 2, 'steady');
          expect(admitted(answers)).toBe(LIMIT / 2);
          steady.set(app, client);
          expect(await app.health()).toEqual([200, 'ok']);
        }

        const heard = new Map(running.map(({ app }) => [app, app.heard()] as const));
        await scene.break();
        const courses = await Promise.all(
          running.map(({ mode, app }) => whileBroken(mode, app, heard.get(app)!, fault)),
        );
        for (const course of courses) {
          if (fault.isMistake === true) expectMistake(course, fault);
          else expectOutage(course, fault);
        }

        await scene.mend();
        await Promise.all(
          running.map(async ({ app }) => {
            await app.untilPrimary();
            const fresh = await app.askStore(LIMIT + 2, 'fresh');
            expect(admitted(fresh.answers)).toBe(LIMIT);
            // A crash may forget what came within its last moments, and a table that was dropped all.
            const rest = await app.askTimes(LIMIT + 2, steady.get(app)!);
            const inTime = rest.filter(isOfStore);
            const late = rest.length - inTime.length;
            // What came too late on a busy machine may have been charged all the same.
            expect(admitted(inTime) + late).toBeGreaterThanOrEqual(LIMIT / 2);
            expect(admitted(inTime)).toBeLessThanOrEqual(LIMIT);
            expect(await app.health()).toEqual([200, 'ok']);
          }),
        );

        const row = rowOf(`${store}: ${fault.name}`, courses);
        await keepStore(row);
        const promised = rowIn(await readDocument(), row.storeFault) ?? 'no such row: run npm run faults:table';
        const seen = rowIn(renderStoreTable([row]), row.storeFault)!;
        expect(withoutTimes(seen)).toBe(withoutTimes(promised));
      });
    });
  });
}
