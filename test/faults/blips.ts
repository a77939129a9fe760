import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import type { RedisServer } from '../support/redis-server.js';

/** What the process and its Redis are told apart by. */
export interface BlipScene {
  readonly redis: RedisServer;
  /** The process of the applications. */
  readonly pid: number;
}

/** One way in which a backend, or the process that asks it, stands still for a moment. */
export interface Blip {
  /** Its name in the table of docs/failure-modes.md. */
  readonly name: string;
  /** About how long it takes, in ms. */
  readonly lastsMs: number;
  /** How long answers may come from elsewhere after everything moves again, in ms. Default 2,000. */
  readonly mostMs?: number;
  /** How long each caller waits between two calls, in ms. Default 200. */
  readonly pauseMs?: number;
  /** Whether it troubles whatever runs beside it. Default false. */
  readonly alone?: boolean;
  /** Resolves as soon as everything moves again. */
  readonly happen: (scene: BlipScene) => Promise<void>;
}

const BUSY_LOOPS = 3;

const stall =
  (seconds: number) =>
  async ({ redis }: BlipScene): Promise<void> => {
    // On a connection of its own, which may wait for longer than the fixture's.
    const client = new Redis(redis.port, redis.host, { maxRetriesPerRequest: 0, retryStrategy: () => null });
    await client.call('DEBUG', 'SLEEP', seconds);
    client.disconnect();
  };

const pause =
  (milliseconds: number) =>
  async ({ redis }: BlipScene): Promise<void> => {
    await redis.exec('CLIENT', 'PAUSE', milliseconds, 'ALL');
    await delay(milliseconds);
  };

const suspend =
  (milliseconds: number) =>
  async ({ redis, pid }: BlipScene): Promise<void> => {
    // So that calls are in flight, which Redis answers while nobody reads.
    await redis.exec('CLIENT', 'PAUSE', 100, 'ALL');
    await delay(50);
    process.kill(pid, 'SIGSTOP');
    await delay(milliseconds);
    process.kill(pid, 'SIGCONT');
  };

/** Busy loops on the one core that the process may use; where cores cannot be assigned, on any. */
const starve =
  (milliseconds: number) =>
  async ({ pid }: BlipScene): Promise<void> => {
    const run = promisify(execFile);
    const cores = await run('taskset', ['-cp', String(pid)]).then(
      ({ stdout }) => /: (\d+[-,\d]*)/.exec(stdout)?.[1],
      () => undefined,
    );
    const core = cores === undefined ? undefined : /^\d+/.exec(cores)![0];
    const pin = async (child: number, to: string | undefined): Promise<void> => {
      if (to !== undefined) await run('taskset', ['-acp', to, String(child)]);
    };
    const loops: ChildProcess[] = [];
    try {
      for (let count = 0; count < BUSY_LOOPS; count += 1) {
        const loop = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' });
        loops.push(loop);
        await once(loop, 'spawn');
        await pin(loop.pid!, core);
      }
      await pin(pid, core);
      await delay(milliseconds);
      await pin(pid, cores);
    } finally {
      await Promise.all(loops.map((loop) => (loop.kill('SIGKILL'), once(loop, 'exit'))));
    }
  };

export const BLIPS: readonly Blip[] = [
  { name: 'Redis stands still for 400 ms (`DEBUG SLEEP`)', lastsMs: 400, happen: stall(0.4) },
  { name: 'Redis stands still for 1 s (`DEBUG SLEEP`)', lastsMs: 1_000, happen: stall(1) },
  { name: 'Redis stands still for 5 s (`DEBUG SLEEP`)', lastsMs: 5_000, happen: stall(5) },
  { name: 'Redis answers nobody for 2 s (`CLIENT PAUSE`)', lastsMs: 2_000, happen: pause(2_000) },
  {
    name: 'the process itself is suspended for 10 s',
    lastsMs: 10_000,
    mostMs: 700,
    // Calls without a pause: thousands are in flight or due when the process goes on.
    pauseMs: 0,
    happen: suspend(10_000),
  },
  {
    name: 'the process itself is starved for 4 s (three busy loops on its core)',
    lastsMs: 4_000,
    happen: starve(4_000),
    alone: true,
  },
];
