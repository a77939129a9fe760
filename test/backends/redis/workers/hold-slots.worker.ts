import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Redis } from 'ioredis';
import { redisBackend } from '../../../../lib/backends/redis/index.js';
import { BackendService, type PolicyOptions, RateLimitModule } from '../../../../lib/index.js';
import type { WorkerContext } from '../../../support/worker-protocol.js';

export interface HoldInput {
  readonly url: string;
  readonly policy: PolicyOptions;
  /** Callers that ask for a slot at the same time. */
  readonly callers: number;
  /** How often each of them holds one. */
  readonly times: number;
  /** Dies by SIGKILL when every caller holds a slot. */
  readonly dies?: boolean;
}

/**
 * Holds slots as fast as it gets them, together with the others. Answers the most holders that were seen at one time in
 * all processes, by a counter that goes up when a slot is held and down before it is given back.
 */
export default async function holdSlots(
  { url, policy, callers, times, dies = false }: HoldInput,
  { barrier }: WorkerContext,
): Promise<number> {
  @Module({ imports: [RateLimitModule.forRoot({ backend: redisBackend({ url }), timeout: '10s' })] })
  class SlotsModule {}
  const app = await NestFactory.createApplicationContext(SlotsModule, { logger: false });
  const service = app.get(BackendService);
  const counter = new Redis(url);
  let most = 0;
  let holding = 0;
  await barrier();
  await Promise.all(
    Array.from({ length: callers }, async () => {
      for (let time = 0; time < times; time += 1) {
        await using _slot = await service.acquire('global', policy);
        holding += 1;
        if (dies && holding === callers) process.kill(process.pid, 'SIGKILL');
        if (dies) await new Promise(() => undefined);
        most = Math.max(most, await counter.incr('holders'));
        await counter.decr('holders');
      }
    }),
  );
  counter.disconnect();
  await app.close();
  return most;
}
