import { platforms, type Platform } from '../support/http-app.js';
import type { Fault, Scene } from './fault.js';
import { FaultyApp, LIMIT, type Answer } from './faulty-app.js';
import { between, NOTHING_HEARD, type Heard } from './heard.js';
import { FAILURE_THRESHOLD, MODES, optionsOf, type Mode } from './modes.js';

/** What one application did in the course of a fault. */
export interface Course {
  readonly mode: Mode;
  readonly platform: Platform;
  readonly app: FaultyApp;
  /** Before it. Empty where the fault was there from the start. */
  readonly healthy: readonly Answer[];
  readonly healthBefore: readonly [number, string] | undefined;
  /** Until the circuit was open. */
  readonly before: readonly Answer[];
  /** While it was. */
  readonly open: readonly Answer[];
  readonly healthDuring: readonly [number, string];
  /** Calls that the backend got while the circuit was open, and the probes among them. */
  readonly callsWhileOpen: number;
  readonly probesWhileOpen: number;
  /** Every answer from before the mending until one came from the backend again. */
  readonly returning: readonly Answer[];
  /** Time from the moment at which the backend can answer until it did. */
  readonly recoveryMs: number;
  /** Calls that failed in that time, and how often the circuit let a probe through. */
  readonly failuresAfter: number;
  readonly probesAfter: number;
  /** What was heard of the backend before the fault, from then until it returned, and later. */
  readonly heard: { readonly before: Heard; readonly meanwhile: Heard; readonly later: Heard };
  readonly healthAfter: readonly [number, string];
  /** For a fresh key, and for the key that had half of its quota left before. */
  readonly fresh: readonly Answer[];
  readonly steady: readonly Answer[];
}

/** Half of a key's quota. */
export const HALF = LIMIT / 2;

const MOST_CALLS_UNTIL_OPEN = 3 * FAILURE_THRESHOLD;

let apps = 0;

/** Takes one application for each mode and platform through a fault and back. */
export async function runFault(fault: Fault, spareUrl: string): Promise<readonly Course[]> {
  await using scene = await fault.start();
  if (fault.fromTheStart) await scene.break();
  await using started = await startAll(scene, spareUrl);
  const { runs } = started;

  const healthy = fault.fromTheStart ? undefined : await whileHealthy(runs);
  const early = new Map(runs.map((run) => [run, fault.fromTheStart ? NOTHING_HEARD : run.app.heard()] as const));
  if (!fault.fromTheStart) await scene.break();

  // All at once, since a call may last until its deadline; and then one by one, since none should last at all.
  const before = await forAll(runs, ({ app }) => untilOpen(app));
  const during = new Map<Run, During>();
  for (const run of runs) during.set(run, await whileOpen(run.app));

  const returned = await returnOf(runs, scene);
  const after = await forAll(runs, async (run) => ({
    healthAfter: await run.app.healthAfterFault(),
    fresh: (await run.app.askStore(LIMIT + 2, 'fresh')).answers,
    steady: await run.app.askTimes(LIMIT + 2, healthy?.get(run)?.client ?? 'steady'),
  }));
  return runs.map((run) => ({
    ...run,
    heard: heardInAll(early.get(run)!, returned.get(run)!.heardThen, run.app.heard()),
    healthy: healthy?.get(run)?.answers ?? [],
    healthBefore: healthy?.get(run)?.health,
    before: before.get(run)!,
    ...during.get(run)!,
    ...returned.get(run)!,
    ...after.get(run)!,
  }));
}

/** One application under test. */
export interface Run {
  readonly mode: Mode;
  readonly platform: Platform;
  readonly app: FaultyApp;
}

interface Healthy {
  readonly client: string;
  readonly answers: readonly Answer[];
  readonly health: readonly [number, string];
}

type Return = Pick<Course, 'returning' | 'recoveryMs' | 'failuresAfter' | 'probesAfter'> & {
  readonly heardThen: Heard;
};

const heardInAll = (before: Heard, then: Heard, now: Heard): Course['heard'] => ({
  before,
  meanwhile: between(before, then),
  later: between(then, now),
});

type During = Pick<Course, 'open' | 'healthDuring' | 'callsWhileOpen' | 'probesWhileOpen'>;

/** Starts an application for each mode and platform. */
export async function startAll(
  scene: Pick<Scene, 'connection'>,
  spareUrl: string,
): Promise<AsyncDisposable & { readonly runs: readonly Run[] }> {
  const runs: Run[] = [];
  for (const platform of platforms) {
    for (const mode of MODES) {
      apps += 1;
      const name = `${mode.replaceAll(' ', '-')}-${platform}-${apps}`;
      const options = optionsOf(mode, { name, connection: scene.connection(), spareUrl });
      runs.push({ mode, platform, app: await FaultyApp.start(platform, name, options) });
    }
  }
  return {
    runs,
    async [Symbol.asyncDispose]() {
      await Promise.all(runs.map(({ app }) => app.close()));
    },
  };
}

async function forAll<T>(runs: readonly Run[], work: (run: Run) => Promise<T>): Promise<Map<Run, T>> {
  return new Map(await Promise.all(runs.map(async (run) => [run, await work(run)] as const)));
}

/** Asks for half of a quota; one application after the other, as while the circuit is open, for a fair comparison. */
async function whileHealthy(runs: readonly Run[]): Promise<Map<Run, Healthy>> {
  await forAll(runs, ({ app }) => app.untilPrimary());
  const healthy = new Map<Run, Healthy>();
  for (const run of runs) {
    healthy.set(run, { ...(await run.app.askStore(HALF, 'steady')), health: await run.app.health() });
  }
  return healthy;
}

/** Asks until the circuit opens. */
async function untilOpen(app: FaultyApp): Promise<Answer[]> {
  const answers: Answer[] = [];
  while (app.circuit !== 'open' && answers.length < MOST_CALLS_UNTIL_OPEN) answers.push(await app.ask('outage'));
  return answers;
}

/** Asks for more than the quota while the circuit is open. */
async function whileOpen(app: FaultyApp): Promise<During> {
  const [calls, probes] = [app.count('backend-failure'), app.count('half-open')];
  const open = await app.askTimes(LIMIT + 2, 'outage');
  const healthDuring = await app.health();
  return {
    open,
    healthDuring,
    callsWhileOpen: app.count('backend-failure') - calls,
    probesWhileOpen: app.count('half-open') - probes,
  };
}

/** Mends what is broken, while calls go on as they do in life: a probe may come at any moment of it. */
async function returnOf(runs: readonly Run[], scene: Scene): Promise<Map<Run, Return>> {
  let mendedMs = Number.POSITIVE_INFINITY;
  const atMending = new Map<Run, { readonly failures: number; readonly probes: number }>();
  const countsOf = ({ app }: Run) => ({ failures: app.count('backend-failure'), probes: app.count('half-open') });
  const mending = async (): Promise<void> => {
    await scene.mend();
    mendedMs = performance.now();
    for (const run of runs) atMending.set(run, countsOf(run));
  };
  const returning = forAll(runs, async (run) => {
    const answers = await run.app.untilPrimary();
    const returned = countsOf(run);
    const mended = atMending.get(run) ?? returned;
    return {
      returning: answers,
      heardThen: run.app.heard(),
      recoveryMs: Math.max(0, performance.now() - mendedMs),
      failuresAfter: returned.failures - mended.failures,
      probesAfter: returned.probes - mended.probes,
    };
  });
  const [returned] = await Promise.all([returning, mending()]);
  return returned;
}
