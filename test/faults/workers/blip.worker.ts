import { setTimeout as delay } from 'node:timers/promises';
import { NestFactory } from '@nestjs/core';
import { BackendService, failoverBackend, memoryBackend, RateLimitModule, type Decision } from 'nestjs-floodgate';
import { redisBackend } from 'nestjs-floodgate/redis';
import type { WorkerContext } from '../../support/worker-protocol.js';

export interface BlipInput {
  readonly port: number;
  /** How long calls go on after the blip has begun, in ms. */
  readonly lastsMs: number;
  /** How long each caller waits between two calls, in ms. */
  readonly pauseMs: number;
}

/** What the calls of one application were answered, other than by Redis. */
export interface BlipReply {
  readonly mode: BlipMode;
  readonly calls: number;
  /** Kinds of answers that did not come from Redis. */
  readonly kinds: readonly string[];
  /** When the last of them came, by the wall clock in ms; `null` if there was none. */
  readonly lastAt: number | null;
  /** When the event loop of the process last stood still for `LATE_LOOP_MS` or more, by the wall clock in ms; 0 if never. */
  readonly loopLateAt: number;
}

export const BLIP_MODES = ['closed', 'open', 'local', 'failover to memory'] as const;
export type BlipMode = (typeof BLIP_MODES)[number];

const CALLERS = 32;
const LATE_LOOP_MS = 50;
const LOOK_EVERY_MS = 10;
const HEALTHY_CALLS = 3 * CALLERS;

/** Applications with default options, one for each mode, each under 32 callers that call again and again. */
export default async function blip(
  { port, lastsMs, pauseMs }: BlipInput,
  context: WorkerContext,
): Promise<BlipReply[]> {
  const applications = await Promise.all(BLIP_MODES.map((mode) => start(mode, `redis://127.0.0.1:${port}`)));
  const stop = new AbortController();
  const calling = applications.map((one) => callUntil(one, pauseMs, stop.signal));
  const loop = watchLoop();
  while (applications.some(({ fromRedis }) => fromRedis < HEALTHY_CALLS)) await delay(10);
  for (const one of applications) one.forget();
  context.send({ pid: process.pid });
  await delay(lastsMs);
  stop.abort();
  await Promise.all(calling);
  await Promise.all(applications.map((one) => one.close()));
  loop.stop();
  return applications.map((one) => ({ ...one.reply(), loopLateAt: loop.lateAt }));
}

/** Tells a late answer of the machine from one of the code. */
function watchLoop(): { readonly lateAt: number; stop(): void } {
  let [lookedAt, lateAt] = [Date.now(), 0];
  const timer = setInterval(() => {
    const now = Date.now();
    if (now - lookedAt >= LATE_LOOP_MS + LOOK_EVERY_MS) lateAt = now;
    lookedAt = now;
  }, LOOK_EVERY_MS);
  return {
    get lateAt() {
      return lateAt;
    },
    stop: () => clearInterval(timer),
  };
}

async function start(mode: BlipMode, url: string) {
  const primary = redisBackend({ url });
  const module = RateLimitModule.forRoot(
    mode === 'failover to memory'
      ? { backend: failoverBackend([primary, memoryBackend()]) }
      : { backend: primary, failureMode: mode },
  );
  const application = await NestFactory.createApplicationContext(module, { logger: false });
  let [calls, fromRedis, lastAt] = [0, 0, null as number | null];
  const kinds = new Set<string>();
  return {
    service: application.get(BackendService),
    get fromRedis() {
      return fromRedis;
    },
    hear(kind: string) {
      calls += 1;
      if (kind === 'primary') {
        fromRedis += 1;
      } else {
        kinds.add(kind);
        lastAt = Date.now();
      }
    },
    forget() {
      [calls, lastAt] = [0, null];
      kinds.clear();
    },
    close: () => application.close(),
    reply: (): Omit<BlipReply, 'loopLateAt'> => ({ mode, calls, kinds: [...kinds].sort(), lastAt }),
  };
}

async function callUntil(
  application: Awaited<ReturnType<typeof start>>,
  pauseMs: number,
  signal: AbortSignal,
): Promise<void> {
  const caller = async (key: string, index: number): Promise<void> => {
    // Not all at one moment, which a short blip could miss.
    await delay((index * pauseMs) / CALLERS);
    while (!signal.aborted) {
      application.hear(await kindOf(application.service.consume(key, '1000000/h')));
      await delay(pauseMs);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, (_, index) => caller(`caller ${index}`, index)));
}

const kindOf = (decision: Promise<Decision>): Promise<string> =>
  decision.then(
    ({ source }) => source,
    (error: unknown) => String((error as { code?: string }).code ?? error),
  );
