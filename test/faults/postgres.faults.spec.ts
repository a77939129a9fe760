import { failoverBackend, memoryBackend, type RateLimitModuleOptions } from 'nestjs-floodgate';
import { eventually } from '../support/eventually.js';
import type { Platform } from '../support/http-app.js';
import { expectNoUnhandled } from '../support/unhandled.js';
import { FaultyApp, LIMIT, type Answer } from './faulty-app.js';
import { backendOf, POSTGRES_FAULTS, type PostgresScene } from './postgres.faults.js';

/** What each mode promises while the backend is down. */
const MODES = {
  closed: { platform: 'express', statuses: [503], source: undefined, health: [503, 'error'] },
  open: { platform: 'fastify', statuses: [200], source: 'none', health: [200, 'degraded'] },
  local: { platform: 'express', statuses: [200, 429], source: 'local', health: [200, 'degraded'] },
  failover: { platform: 'fastify', statuses: [200, 429], source: 'fallback', health: [200, 'ok'] },
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

async function startApp(mode: Mode, scene: PostgresScene): Promise<FaultyApp> {
  apps += 1;
  const name = `postgres-${mode}-${apps}`;
  const backend = backendOf(scene.connection(), name);
  const circuitBreaker = { recoveryTimeout: RECOVERY_MS, backoffMultiplier: 1, jitter: 0 };
  const options: RateLimitModuleOptions =
    mode === 'failover'
      ? {
          backend: failoverBackend([backend, memoryBackend()], { failbackInterval: 100 }),
          circuitBreaker,
          timeout: DEADLINE_MS,
        }
      : { backend, failureMode: mode, circuitBreaker, timeout: DEADLINE_MS };
  return FaultyApp.start(MODES[mode].platform, name, options);
}

/** One application for each mode. */
async function startAll(scene: PostgresScene) {
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
async function untilOpen(app: FaultyApp): Promise<Answer[]> {
  const answers: Answer[] = [];
  while (app.circuit !== 'open' && answers.length < 3 * FAILURE_THRESHOLD) answers.push(await app.ask('outage'));
  return answers;
}

/** Asks until PostgreSQL decides, each time for another key. */
async function whenPrimary(app: FaultyApp): Promise<void> {
  let polls = 0;
  await eventually(async () => (await app.ask(`poll ${(polls += 1)}`)).body.source === 'primary', {
    what: 'PostgreSQL decides',
    timeoutMs: 30_000,
  });
}

/** What one application answers while PostgreSQL is down. */
async function whileBroken(mode: Mode, app: FaultyApp) {
  const answers = [...(await untilOpen(app)), ...(await app.askTimes(LIMIT + 2, 'outage'))];
  const health = await app.health();
  return { mode, app, answers, health };
}

describe.each(POSTGRES_FAULTS)('PostgreSQL: $name', ({ start, reason }) => {
  it('is answered as each mode promises, and is over once it is mended', async () => {
    await expectNoUnhandled(async () => {
      await using scene = await start();
      await using started = await startAll(scene);
      const { running } = started;
      for (const { app } of running) {
        await whenPrimary(app);
        expect(admitted(await app.askTimes(LIMIT / 2, 'steady'))).toBe(LIMIT / 2);
        expect(await app.health()).toEqual([200, 'ok']);
      }

      await scene.break();
      const courses = await Promise.all(running.map(({ mode, app }) => whileBroken(mode, app)));
      for (const { mode, app, answers, health } of courses) {
        const { statuses, source } = MODES[mode];
        expect(app.reasons().join(' ')).toMatch(reason);
        expect(new Set(answers.map(({ status }) => status))).toEqual(new Set(statuses));
        for (const { status, body, retryAfter } of answers) {
          if (status === 200) expect(body.source).toBe(source);
          else expect(retryAfter).toMatch(/^[1-9]\d*$/);
        }
        if (mode !== 'open') expect(admitted(answers)).toBe(mode === 'closed' ? 0 : LIMIT);
        expect(health).toEqual(MODES[mode].health);
        expect(app.logged('warn')).toHaveLength(1);
      }

      await scene.mend();
      await Promise.all(
        running.map(async ({ app }) => {
          await whenPrimary(app);
          expect(admitted(await app.askTimes(LIMIT + 2, 'fresh'))).toBe(LIMIT);
          // A crash may forget what came within its last moments.
          const left = admitted(await app.askTimes(LIMIT + 2, 'steady'));
          expect(left).toBeGreaterThanOrEqual(LIMIT / 2);
          expect(left).toBeLessThanOrEqual(LIMIT);
          expect(await app.health()).toEqual([200, 'ok']);
        }),
      );
    });
  }, 90_000);
});
