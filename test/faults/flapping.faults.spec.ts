import { setTimeout as delay } from 'node:timers/promises';
import { platforms } from '../support/http-app.js';
import { RedisServer } from '../support/redis-server.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { expectNoUnhandled } from '../support/unhandled.js';
import { startAll, type Run } from './fault-run.js';
import type { Cell } from './fault-table.js';
import { LIMIT, type Answer, type FaultyApp } from './faulty-app.js';
import { between, expectOneWarning, type Heard } from './heard.js';
import { headersOf, keep, latencies, median, promisedAndSeen, statusesOf } from './measurements.js';
import { DEADLINE_MS, MODES } from './modes.js';

const FLAPS = 3;
/** A starved process may ask nothing while Redis is down: it gets so many chances. */
const MOST_FLAPS = 12;
const HALF_FLAP_MS = 1_000;
const PAUSE_MS = 10;
/** After so many answers that were decided, a key with a fresh quota. */
const ANSWERS_OF_A_KEY = 3 * LIMIT;
const NOISE_MS = 2_000;

interface Flapped extends Run {
  /** What was heard before the first flap, and from then on. */
  readonly heard: { readonly before: Heard; readonly meanwhile: Heard };
  readonly answers: readonly (readonly Answer[])[];
  readonly recoveryMs: number;
}

describe('a Redis that is up for a second and down for a second', () => {
  let flapped: readonly Flapped[] = [];

  const inEach = (check: (one: Flapped) => unknown) => () => {
    expect(flapped).toHaveLength(MODES.length * platforms.length);
    for (const one of flapped) check(one);
  };

  it('leaves no rejection unhandled, and every application comes back', async () => {
    flapped = await expectNoUnhandled(flap);
  });

  it(
    'is answered as each mode promises, in time',
    inEach(({ mode, answers }) => {
      const statuses = mode === 'closed' ? '200, 429, 503' : '200, 429';
      expect(`${mode}: ${statusesOf(answers.flat())}`).toBe(`${mode}: ${statuses}`);
      expect(Math.max(...latencies(answers.flat()))).toBeLessThan(2 * DEADLINE_MS + NOISE_MS);
    }),
  );

  it(
    'admits no more than the limit of each place that counts',
    inEach(({ mode, answers }) => {
      const places = { closed: 1, open: Number.POSITIVE_INFINITY }[mode as string] ?? 2;
      for (const ofOneKey of answers) {
        expect(ofOneKey.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(places * LIMIT);
      }
    }),
  );

  it(
    'is one warning in the log, not one for each flap',
    inEach(({ app, heard }) => {
      expect(app.count('outage-started')).toBeGreaterThanOrEqual(1);
      expectOneWarning(heard.before, heard.meanwhile);
    }),
  );

  it('is what the table in the docs says', async () => {
    const cells = MODES.map((mode) => [mode, cellOf(flapped.filter((one) => one.mode === mode))] as const);
    const row = { fault: 'Redis flaps (up 1 s, down 1 s)', cells: Object.fromEntries(cells) };
    await keep(row);
    const [promised, seen] = await promisedAndSeen(row);
    expect(seen).toBe(promised);
  });
});

async function flap(): Promise<readonly Flapped[]> {
  await using redis = await RedisServer.start();
  await using spare = await RedisServer.start();
  await using proxy = await TcpProxy.start({ target: redis });
  await using started = await startAll({ connection: () => ({ url: proxy.url }) }, spare.url);
  const { runs: apps } = started;
  await Promise.all(apps.map(({ app }) => app.untilPrimary()));

  const stop = new AbortController();
  const asked = apps.map(({ app }) => askUntil(app, stop.signal));
  // On a busy machine a second is too short to use up a quota.
  await Promise.all(asked.map(({ refused }) => refused));
  const before = new Map(apps.map(({ app }) => [app, app.heard()] as const));
  const missesOutages = (): boolean => apps.some(({ app }) => app.count('outage-started') === 0);
  for (let count = 0; count < FLAPS || (count < MOST_FLAPS && missesOutages()); count += 1) {
    await delay(HALF_FLAP_MS);
    await proxy.setMode('reset');
    await delay(HALF_FLAP_MS);
    await proxy.setMode('pass');
  }
  stop.abort();
  const answers = await Promise.all(asked.map(({ answers: all }) => all));
  const upMs = performance.now();
  const recoveries = apps.map(({ app }) => app.untilPrimary().then(() => performance.now() - upMs));
  const recoveriesMs = await Promise.all(recoveries);
  return apps.map((one, index) => ({
    ...one,
    answers: answers[index]!,
    recoveryMs: recoveriesMs[index]!,
    heard: { before: before.get(one.app)!, meanwhile: between(before.get(one.app)!, one.app.heard()) },
  }));
}

/** Asks again and again: the answers by key, and the moment of the first refusal. */
function askUntil(app: FaultyApp, signal: AbortSignal): { answers: Promise<Answer[][]>; refused: Promise<void> } {
  let refuse = (): void => undefined;
  const refused = new Promise<void>((resolve) => {
    refuse = resolve;
  });
  return { answers: asking(), refused };

  async function asking(): Promise<Answer[][]> {
    const answers: Answer[][] = [];
    let decided = 0;
    while (!signal.aborted) {
      const key = Math.floor(decided / ANSWERS_OF_A_KEY);
      const answer = await app.ask(`flap ${key}`);
      (answers[key] ??= []).push(answer);
      if (answer.status !== 503) decided += 1;
      if (answer.status === 429) refuse();
      await delay(PAUSE_MS);
    }
    return answers;
  }
}

function cellOf(flapped: readonly Flapped[]): Cell {
  const all = flapped.flatMap(({ answers }) => answers.flat());
  return {
    status: statusesOf(all),
    headers: headersOf(all),
    beforeMs: Math.max(...latencies(all)),
    openMs: median(latencies(all)),
    overNormalMs: null,
    slowestMs: null,
    slowestNormalMs: null,
    recoveryMs: Math.max(...flapped.map(({ recoveryMs }) => recoveryMs)),
  };
}
