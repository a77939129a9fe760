import { setTimeout as after } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { redisBackend, redisPolicyStore } from '../../../../lib/backends/redis/index.js';
import { BackendService, RateLimitModule, RateLimitPolicies } from '../../../../lib/index.js';
import type { WorkerContext } from '../../../support/worker-protocol.js';

/** The window of a limit, in ms: a decision with any other is one by a policy that is half old and half new. */
export const windowOf = (limit: number): number => limit * 6_000;

export interface SteeredInput {
  readonly backendUrl: string;
  readonly storeUrl: string;
  readonly firstLimit: number;
  /** Once this limit holds, the worker ends. */
  readonly lastLimit: number;
}

/** What a worker saw. Times are ms since the epoch. */
export interface Steered {
  readonly decisions: number;
  /** Decisions that no whole policy could have made. */
  readonly torn: readonly string[];
  /** When each limit was first decided by. */
  readonly seenAt: Readonly<Record<number, number>>;
  /** When the first and the last call of the blocked key began that was refused; and the last one that passed. */
  readonly bot: { readonly firstRefusal: number; readonly lastRefusal: number; readonly lastPass: number };
  /** Whether health told that the policy store was away, at any time. */
  readonly toldOutage: boolean;
}

/** Decides under load by policies that others change. */
export default async function steered(
  { backendUrl, storeUrl, firstLimit, lastLimit }: SteeredInput,
  { index, barrier, send }: WorkerContext,
): Promise<Steered> {
  @Module({
    imports: [
      RateLimitModule.forRoot({
        backend: redisBackend({ url: backendUrl }),
        policyStore: redisPolicyStore({ url: storeUrl }),
        policies: { api: { limit: firstLimit, window: windowOf(firstLimit) }, bots: '1000000/h' },
        timeout: '10s',
      }),
    ],
  })
  class SteeredModule {}
  const app = await NestFactory.createApplicationContext(SteeredModule, { logger: false });
  const service = app.get(BackendService);
  const seenAt: Record<number, number> = {};
  const torn: string[] = [];
  const bot = { firstRefusal: 0, lastRefusal: 0, lastPass: 0 };
  let decisions = 0;
  let toldOutage = false;

  /** A key of its own for each call: what it costs passes exactly by the limits of at least as much. */
  const callApi = async (cost: number): Promise<void> => {
    const decision = await service.consume(`user:${index}-${(decisions += 1)}`, 'api', { cost });
    const [status] = decision.policies;
    const { limit = 0, windowMs = 0 } = status ?? {};
    if (windowMs !== windowOf(limit) || decision.allowed !== cost <= limit) {
      torn.push(`cost ${cost}, limit ${limit}, window ${windowMs}: ${decision.kind}`);
    }
    if (seenAt[limit] === undefined) {
      seenAt[limit] = Date.now();
      send({ limit });
    }
  };
  const callBot = async (): Promise<void> => {
    const begunAt = Date.now();
    if ((await service.consume(`user:bot-${index}`, 'bots')).allowed) bot.lastPass = begunAt;
    else {
      bot.firstRefusal ||= begunAt;
      bot.lastRefusal = begunAt;
    }
  };

  await barrier();
  const caller = async (): Promise<void> => {
    for (let call = 0; seenAt[lastLimit] === undefined; call += 1) {
      await callApi(1 + (call % (2 * firstLimit)));
      await callBot();
    }
  };
  const watch = async (): Promise<void> => {
    while (seenAt[lastLimit] === undefined) {
      const isAway = (await service.health()).policyStore?.healthy === false;
      if (isAway && !toldOutage) send({ outage: true });
      toldOutage ||= isAway;
      await after(50);
    }
  };
  await Promise.all([watch(), ...Array.from({ length: 8 }, caller)]);
  const changed = app.get(RateLimitPolicies).overrides().length;
  await app.close();
  if (changed > 0) throw new Error('An override is left.');
  return { decisions, torn, seenAt, bot, toldOutage };
}
