import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ApolloDriver } from '@nestjs/apollo';
import { type INestApplication, Module } from '@nestjs/common';
import { type AbstractHttpAdapter, NestFactory } from '@nestjs/core';
import { Args, type GqlModuleOptions, GraphQLModule, Query, Resolver, Subscription } from '@nestjs/graphql';
import { MercuriusDriver } from '@nestjs/mercurius';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { BackendService, RateLimit, RateLimitModule } from 'nestjs-floodgate';
import { type Client, createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { eventually } from '../../support/eventually.js';

const LIMIT = 2;

const typeDefs = `
  type Query { work(how: String!): String, line: String, login(password: String!): String }
  type Subscription { ticks(until: Int!): Int }
`;

const waiting: (() => void)[] = [];
const tried: string[] = [];

@Resolver()
class WorkResolver {
  @RateLimit('slots')
  @Query()
  async work(@Args('how') how: string): Promise<string> {
    if (how === 'throw') throw new Error('broken');
    if (how === 'hold') await new Promise<void>((resolve) => waiting.push(resolve));
    return how;
  }

  @RateLimit('line')
  @Query()
  async line(): Promise<string> {
    return Promise.resolve('served');
  }

  @RateLimit('logins')
  @Query()
  async login(@Args('password') password: string): Promise<string> {
    tried.push(password);
    await new Promise((resolve) => setImmediate(resolve));
    if (password !== 'right') throw new Error('wrong');
    return 'welcome';
  }

  @RateLimit('slots')
  @Subscription()
  async *ticks(@Args('until') until: number): AsyncGenerator<{ ticks: number }> {
    for (let ticks = 0; ticks < until; ticks += 1) yield { ticks };
    if (until === 1) await new Promise<void>((resolve) => waiting.push(resolve));
  }
}

const common = { typeDefs, fieldResolverEnhancers: ['guards' as const] };
const apollo = { ...common, driver: ApolloDriver, subscriptions: { 'graphql-ws': true } };
const drivers: [string, () => AbstractHttpAdapter, GqlModuleOptions][] = [
  ['Apollo on Express', () => new ExpressAdapter(), apollo],
  ['Apollo on Fastify', () => new FastifyAdapter(), apollo],
  ['Mercurius', () => new FastifyAdapter(), { ...common, driver: MercuriusDriver, subscription: true } as object],
];

describe.each(drivers)('GraphQL by %s', (_name, adapter, options) => {
  let app: INestApplication;
  let port: number;
  let socket: Client;

  beforeAll(async () => {
    @Module({
      imports: [
        RateLimitModule.forRoot({
          policies: {
            slots: { limit: LIMIT, algorithm: 'concurrency', leaseTime: '1h', key: 'global' },
            line: {
              limit: 1,
              algorithm: 'concurrency',
              leaseTime: '1h',
              key: 'global',
              queue: { size: 9, maxWait: '20s' },
            },
            logins: { rate: '5/h', key: 'global', chargeOn: 'failure' },
          },
        }),
        GraphQLModule.forRoot({ ...options }),
      ],
      providers: [WorkResolver],
    })
    class GraphqlModule {}
    app = await NestFactory.create(GraphqlModule, adapter(), { logger: false, abortOnError: false });
    await app.listen(0, '127.0.0.1');
    ({ port } = (app.getHttpServer() as Server).address() as AddressInfo);
    socket = createClient({ url: `ws://127.0.0.1:${port}/graphql`, webSocketImpl: WebSocket, retryAttempts: 0 });
  });
  afterAll(async () => {
    await socket.dispose();
    await app.close();
  });

  const ask = async (query: string, signal?: AbortSignal): Promise<string> => {
    const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ query }),
      ...(signal && { signal }),
    });
    return response.text();
  };
  const left = async (policy = 'slots'): Promise<number> =>
    (await app.get(BackendService).peek('global', policy)).policies[0]!.remaining;
  const allFree = (): Promise<boolean> => eventually(async () => (await left()) === LIMIT, { what: 'slots are free' });
  const bySocket = async (query: string): Promise<string> => {
    const results: unknown[] = [];
    try {
      for await (const result of socket.iterate({ query })) results.push(result);
    } catch (error) {
      results.push(error);
    }
    return JSON.stringify(results);
  };

  it('frees the slot of a field when its resolver ends, over HTTP and over a socket', async () => {
    for (const how of ['answer', 'throw', 'answer', 'throw']) {
      await ask(`{ work(how: "${how}") }`);
      await allFree();
      // Mercurius takes subscriptions alone from sockets.
      await bySocket(`{ work(how: "${how}") }`);
      await allFree();
    }
    const held = ['a', 'b'].map(() => ask('{ work(how: "hold") }'));
    await eventually(() => waiting.length === LIMIT);
    expect(await ask('{ work(how: "answer") }')).toContain('RATE_LIMITED');
    for (const go of waiting.splice(0)) go();
    for (const answer of await Promise.all(held)) expect(answer).toContain('"hold"');
    await allFree();
  });

  it('frees the slot of a field whose client hangs up', async () => {
    const client = new AbortController();
    const asked = ask('{ work(how: "hold") }', client.signal).catch(() => 'gone');
    await eventually(() => waiting.length === 1);
    client.abort();
    expect(await asked).toBe('gone');
    await allFree();
    for (const go of waiting.splice(0)) go();
    expect(await left()).toBe(LIMIT);
  });

  it('lets the fields of one operation wait for each other', async () => {
    const fields = Array.from({ length: 8 }, (_none, index) => `f${index}: line`).join(' ');
    const answer = await ask(`{ ${fields} }`);
    expect(answer.match(/served/g)).toHaveLength(8);
  });

  it('holds the slot of a subscription until it ends', async () => {
    expect(await bySocket('subscription { ticks(until: 3) }')).toContain('"ticks":2');
    await allFree();
    const first = socket.iterate({ query: 'subscription { ticks(until: 1) }' });
    const second = socket.iterate({ query: 'subscription { ticks(until: 1) }' });
    expect(await Promise.all([first.next(), second.next()])).toHaveLength(2);
    expect(await left()).toBe(0);
    expect(await bySocket('subscription { ticks(until: 3) }')).toContain('RATE_LIMITED');
    // One ends at the client, the other one at the server.
    await first.return?.();
    await eventually(async () => (await left()) === 1);
    for (const go of waiting.splice(0)) go();
    expect((await second.next()).done).toBe(true);
    await allFree();
  });

  it('charges wrong passwords alone: of 50 at once, 5 are tried', async () => {
    for (let call = 0; call < 10; call += 1) expect(await ask('{ login(password: "right") }')).toContain('welcome');
    await eventually(async () => (await left('logins')) === 5);
    tried.length = 0;
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask('{ login(password: "wrong") }')));
    expect(tried).toHaveLength(5);
    expect(answers.filter((answer) => answer.includes('RATE_LIMITED'))).toHaveLength(45);
    expect(await left('logins')).toBe(0);
  });
});
