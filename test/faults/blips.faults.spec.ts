import { RedisServer } from '../support/redis-server.js';
import { spawnWorkers } from '../support/child-process.js';
import { BLIPS, type Blip } from './blips.js';
import { blipRowIn, renderBlips, withoutSeconds, type BlipRow } from './blip-table.js';
import { keepBlip, readDocument } from './measurements.js';
import type blipWorker from './workers/blip.worker.js';
import type { BlipReply } from './workers/blip.worker.js';

/** Calls go on for so long after it, so that a circuit which stays open is seen. */
const AFTER_MS = 3_500;
const PAUSE_MS = 200;
/** How often a measurement is made when the machine itself made calls late. */
const ATTEMPTS = 3;

const UNANSWERED: Readonly<Record<string, readonly string[]>> = {
  closed: ['BACKEND_UNAVAILABLE'],
  open: ['none'],
  local: ['local'],
  'failover to memory': ['fallback'],
};

/** A failover pings its first member three times, a second apart, before it comes back: its limits are enforced meanwhile. */
const isFailover = ({ mode }: BlipReply): boolean => mode.startsWith('failover');

describe('what stands still for a moment, under 32 callers and with default options', () => {
  const besideOthers = BLIPS.filter(({ alone }) => !alone);
  const alone = BLIPS.filter((blip) => blip.alone);

  it.concurrent.each(besideOthers)('costs two seconds at most after it: $name', costsLittle);

  it.each(alone)('costs two seconds at most after it: $name', costsLittle);
});

/** Answers come from elsewhere for two seconds at most after everything moves again, and the docs say so. */
async function costsLittle(blip: Blip): Promise<void> {
  const row = await measured(blip);
  await keepBlip(row);
  const promised = blipRowIn(await readDocument(), blip.name) ?? 'no row: run npm run faults:table';
  expect(withoutSeconds(promised)).toBe(withoutSeconds(blipRowIn(renderBlips([row]), blip.name)!));
}

async function measured(blip: Blip): Promise<BlipRow> {
  for (let attempt = 1; ; attempt += 1) {
    const { movedAt, replies } = await happening(blip);
    for (const { mode, kinds, calls } of replies) {
      expect(calls).toBeGreaterThan(0);
      expect([[], UNANSWERED[mode]]).toContainEqual(kinds);
    }
    const lateMs = (reply: BlipReply): number => Math.max(0, (reply.lastAt ?? 0) - movedAt);
    const row = { blip: blip.name, lateMs: Object.fromEntries(replies.map((reply) => [reply.mode, lateMs(reply)])) };
    const mostMs = blip.mostMs ?? 2_000;
    if (replies.every((reply) => isFailover(reply) || lateMs(reply) <= mostMs)) return row;
    // Late answers count unless the loop of this process stood still after the blip: then they say nothing of the code.
    const machineWasLate = replies.some(({ loopLateAt }) => loopLateAt > movedAt + mostMs / 2);
    if (!machineWasLate || attempt === ATTEMPTS)
      throw new Error(`Too long, attempt ${attempt}: ${JSON.stringify(row)}`);
  }
}

async function happening(blip: Blip): Promise<{ movedAt: number; replies: readonly BlipReply[] }> {
  await using redis = await RedisServer.start({ config: ['enable-debug-command yes'] });
  const { promise: happened, resolve, reject } = promiseOf<number>();
  const run = spawnWorkers<typeof blipWorker>(
    1,
    new URL('./workers/blip.worker.ts', import.meta.url),
    { port: redis.port, lastsMs: blip.lastsMs + AFTER_MS, pauseMs: blip.pauseMs ?? PAUSE_MS },
    {
      onMessage: (message) =>
        void blip.happen({ redis, pid: (message as { pid: number }).pid }).then(() => resolve(Date.now()), reject),
    },
  );
  const [[replies = []], movedAt] = await Promise.all([run, happened]);
  return { movedAt, replies };
}

function promiseOf<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: unknown) => void } {
  let [resolve, reject]: [(value: T) => void, (error: unknown) => void] = [() => undefined, () => undefined];
  const promise = new Promise<T>((...settle) => ([resolve, reject] = settle));
  return { promise, resolve, reject };
}
