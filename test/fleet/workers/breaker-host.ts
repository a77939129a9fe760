import 'reflect-metadata';
import cluster from 'node:cluster';
import { ConsoleLogger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  BackendService,
  type BreakerStateStore,
  CircuitBreakerRegistry,
  fileBreakerState,
  processBreakerState,
  RateLimitEvents,
  RateLimitModule,
} from '../../../lib/index.js';
import { redisBackend, redisBreakerState } from '../../../lib/backends/redis/index.js';

/** What a process of a host is told to be. */
export interface HostInput {
  /** The Redis that is protected. */
  readonly url: string;
  /** The file of breaker state; `undefined`: the workers of a cluster. */
  readonly path?: string;
  /** The Redis of breaker state, instead of a file. */
  readonly stateUrl?: string;
  readonly failureThreshold?: number;
  readonly recoveryTimeout?: number;
  /** Deadline of a call to Redis, in ms. Default 250. */
  readonly timeout?: number;
  /** Silence after which the connection is given up, in ms. Default: the backend's. */
  readonly socketTimeout?: number;
}

/** What it can be asked for. */
export type Command =
  | { readonly kind: 'call' }
  | { readonly kind: 'status' }
  /** Calls so often by a limit of 50 an hour. */
  | { readonly kind: 'consume'; readonly times: number }
  /** Takes one of two slots, whose leases last four seconds, and keeps it. */
  | { readonly kind: 'acquire' }
  /** Calls all the time, so many ms apart, until it is told otherwise. */
  | { readonly kind: 'traffic'; readonly everyMs: number }
  /** Opens and closes three hundred other circuits all the time, so that the file is written over and over. */
  | { readonly kind: 'churn' }
  | { readonly kind: 'close' };

export interface Answer {
  readonly worker: number;
  readonly pid: number;
  readonly ok?: boolean;
  readonly admitted?: number;
  readonly state?: string;
  readonly retryAfterMs?: number;
  readonly failures?: number;
  readonly connected?: boolean;
  /** When this was answered, epoch ms. */
  readonly atMs?: number;
  /** Times of transitions to half-open, epoch ms. */
  readonly probes?: readonly number[];
  readonly warnings?: readonly string[];
  readonly started?: true;
}

const SLOTS = { name: 'slots', limit: 2, algorithm: 'concurrency', leaseTime: '4s' } as const;

function storeOf({ path, stateUrl }: HostInput): BreakerStateStore {
  if (stateUrl !== undefined) return redisBreakerState({ url: stateUrl });
  return path === undefined ? processBreakerState() : fileBreakerState({ path });
}

/** A process with a limiter on Redis, and a breaker of its own around the same calls. */
export async function host(input: HostInput): Promise<(command: Command) => Promise<Answer>> {
  const warnings: string[] = [];
  const { url, socketTimeout } = input;
  const backend = redisBackend({ url, connection: socketTimeout === undefined ? {} : { socketTimeout } });
  class Warnings extends ConsoleLogger {
    override warn(message: unknown): void {
      const text = String(message);
      if (text.startsWith('Breaker state')) warnings.push(text);
    }
  }
  @Module({
    imports: [
      RateLimitModule.forRoot({
        backend,
        timeout: input.timeout ?? 250,
        circuitBreaker: {
          failureThreshold: input.failureThreshold ?? 5,
          recoveryTimeout: input.recoveryTimeout ?? 60_000,
          backoffMultiplier: 1,
          jitter: 0,
        },
        breakerState: storeOf(input),
      }),
    ],
  })
  class App {}
  const app = await NestFactory.createApplicationContext(App, { logger: new Warnings() });
  app.enableShutdownHooks();
  const service = app.get(BackendService);
  const registry = app.get(CircuitBreakerRegistry);
  const probes: number[] = [];
  let failures = 0;
  registry.onTransition(({ to }) => to === 'half-open' && probes.push(Date.now()));
  app.get(RateLimitEvents).on(({ kind }) => kind === 'backend-failure' && (failures += 1));
  const call = async (): Promise<boolean> => {
    try {
      await service.consume('user:1', '1000000/h');
      return true;
    } catch {
      return false;
    }
  };
  let timer: NodeJS.Timeout | undefined;
  return async (command) => {
    const base = { worker: cluster.worker?.id ?? 0, pid: process.pid };
    switch (command.kind) {
      case 'call':
        return { ...base, ok: await call() };
      case 'status': {
        const status = registry.get('backend:redis')?.status();
        return {
          ...base,
          atMs: Date.now(),
          state: status?.state,
          retryAfterMs: status?.retryAfterMs,
          failures,
          connected: backend.isConnected?.(),
          probes,
          warnings,
        } as Answer;
      }
      case 'consume': {
        let admitted = 0;
        for (let call = 0; call < command.times; call += 1) {
          admitted += (await service.consume('tenant:1', { name: 'hourly', rate: '50/h' })).allowed ? 1 : 0;
        }
        return { ...base, admitted };
      }
      case 'acquire':
        return service.acquire('tenant:1', SLOTS).then(
          () => ({ ...base, ok: true }),
          () => ({ ...base, ok: false }),
        );
      case 'traffic':
        clearInterval(timer);
        if (command.everyMs > 0) timer = setInterval(() => void call(), command.everyMs);
        return base;
      case 'churn': {
        const others = Array.from({ length: 300 }, (_, index) =>
          registry.create(`Shop.pay-${index}`, { failureThreshold: 1 }),
        );
        let next = 0;
        timer = setInterval(() => {
          const other = others[next % others.length];
          if (other?.status().state === 'closed') other.tryAcquire()?.failure(new Error('down'));
          else other?.reset();
          next += 1;
        }, 1);
        return base;
      }
      case 'close':
        clearInterval(timer);
        await app.close();
        return base;
      default:
        return command satisfies never;
    }
  };
}
