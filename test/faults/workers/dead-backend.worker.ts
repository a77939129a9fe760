import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { NestFactory } from '@nestjs/core';
import { Redis } from 'ioredis';
import { BackendService, RateLimitModule, type FailureMode } from 'nestjs-floodgate';
import { redisBackend } from 'nestjs-floodgate/redis';

export interface DeadBackendInput {
  /** Port of a server that does not serve. */
  readonly port: number;
  readonly failureMode: FailureMode;
  /** Whether the application brings a client of its own, that queues for ever. */
  readonly ownClient: boolean;
  readonly calls: number;
}

export interface DeadBackendReply {
  /** How much the heap grew in the course of the calls, in bytes, after a full collection. */
  readonly grownBytes: number;
  readonly outcomes: Readonly<Record<string, number>>;
}

const AT_ONCE = 50;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Calls a limiter whose backend is dead, many times, and weighs the heap before and after. */
export default async function deadBackend(input: DeadBackendInput): Promise<DeadBackendReply> {
  const { port, failureMode, ownClient, calls } = input;
  const client = ownClient ? new Redis(port, '127.0.0.1', { maxRetriesPerRequest: null }) : undefined;
  client?.on('error', () => undefined);
  const backend = redisBackend(client === undefined ? { url: `redis://127.0.0.1:${port}` } : { client });
  const module = RateLimitModule.forRoot({
    backend,
    failureMode,
    timeout: 20,
    circuitBreaker: { recoveryTimeout: 50 },
  });
  const context = await NestFactory.createApplicationContext(module, { logger: false });
  const service = context.get(BackendService);
  const outcomes: Record<string, number> = {};

  const call = async (index: number): Promise<void> => {
    const outcome = await service.consume(`key ${index % 100}`, '1000000/h').then(
      ({ kind, source }) => `${kind} ${source}`,
      (error: unknown) => (error as { code?: string }).code ?? String(error),
    );
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  };
  const callTimes = async (times: number): Promise<void> => {
    for (let done = 0; done < times; done += AT_ONCE) {
      await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => call(done + index)));
    }
  };

  await callTimes(calls / 5);
  const before = heapBytes();
  await callTimes(calls);
  const grownBytes = heapBytes() - before;
  client?.disconnect();
  await context.close();
  return { grownBytes, outcomes };
}

function heapBytes(): number {
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}
