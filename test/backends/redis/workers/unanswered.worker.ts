import { NestFactory } from '@nestjs/core';
import { BackendService, RateLimitModule, type Backend } from 'nestjs-floodgate';
import { redisBackend } from 'nestjs-floodgate/redis';

export interface UnansweredInput {
  /** Port of a Redis that does not answer; `null`: a backend that has nothing open. */
  readonly port: number | null;
}

const never = (): Promise<never> => new Promise(() => undefined);

const SILENT: Backend = {
  name: 'silent',
  consume: never,
  peek: never,
  refund: never,
  reset: never,
  ping: never,
  close: () => undefined,
};

/**
 * Awaits calls that nobody answers, one after the other, in a process that nothing else keeps alive.
 *
 * @returns the code of each one's error
 */
export default async function unanswered({ port }: UnansweredInput): Promise<Readonly<Record<string, unknown>>> {
  process.channel?.unref();
  const backend = port === null ? SILENT : redisBackend({ url: `redis://127.0.0.1:${port}` });
  const module = RateLimitModule.forRoot({ backend, timeout: 50 });
  const context = await NestFactory.createApplicationContext(module, { logger: false });
  const service = context.get(BackendService);
  const calls: Readonly<Record<string, () => Promise<unknown>>> = {
    consume: () => service.consume('k', '5/m'),
    peek: () => service.peek('k', '5/m'),
    refund: () => service.refund('k', '5/m'),
    acquire: () => service.acquire('k', '5/m'),
    withLease: () => service.withLease('k', '5/m', () => undefined),
    health: () => service.health(),
    reset: () => service.reset('k', '5/m'),
  };
  const outcomes: Record<string, unknown> = {};
  for (const [name, call] of Object.entries(calls)) {
    service.resetCircuitBreaker();
    outcomes[name] = await call().then(
      () => 'answered',
      (error: unknown) => (error as { code?: string }).code ?? String(error),
    );
  }
  process.channel?.ref();
  await context.close();
  return outcomes;
}
