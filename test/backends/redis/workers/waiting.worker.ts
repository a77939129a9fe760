import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { redisBackend } from '../../../../lib/backends/redis/index.js';
import { BackendService, type PolicyOptions, RateLimitModule } from '../../../../lib/index.js';
import type { WorkerContext } from '../../../support/worker-protocol.js';

export interface WaitingInput {
  readonly url: string;
  readonly policy: PolicyOptions;
  readonly waiters: number;
}

/** Lets callers wait together with those of the others. Answers when each was admitted, ms since the epoch. */
export default async function waiting(
  { url, policy, waiters }: WaitingInput,
  { barrier }: WorkerContext,
): Promise<number[]> {
  @Module({ imports: [RateLimitModule.forRoot({ backend: redisBackend({ url }), timeout: '10s' })] })
  class WaitingModule {}
  const app = await NestFactory.createApplicationContext(WaitingModule, { logger: false });
  const service = app.get(BackendService);
  await barrier();
  const admitted = await Promise.all(
    Array.from({ length: waiters }, async () => {
      await service.waitFor('partner', policy, { maxWait: '2m' });
      return Date.now();
    }),
  );
  await app.close();
  return admitted;
}
