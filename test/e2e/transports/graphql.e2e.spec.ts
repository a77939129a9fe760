import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { type INestApplication, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  type GqlModuleOptions,
  GraphQLModule,
  Mutation,
  Parent,
  Query,
  ResolveField,
  Resolver,
  Subscription,
} from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import { type AbstractHttpAdapter } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { RateLimit, RateLimitModule, SkipRateLimit } from 'nestjs-floodgate';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { Lines } from './lines.js';

const typeDefs = `
  type User { id: Int! badge: String secret: String mail: String }
  type Query { users: [User!]! free: String search: String skipped: String }
  type Mutation { rename: String }
  type Subscription { ticks: Int }
`;

@Resolver('User')
class UserResolver {
  @Query()
  users(): { id: number }[] {
    return Array.from({ length: 50 }, (_none, id) => ({ id }));
  }

  @ResolveField()
  badge(@Parent() user: { id: number }): string {
    return `badge ${user.id}`;
  }

  @RateLimit({ name: 'secret', rate: '3/m' })
  @ResolveField()
  secret(@Parent() user: { id: number }): string {
    return `secret ${user.id}`;
  }

  @Query()
  free(): string {
    return 'free';
  }

  @RateLimit({ name: 'search', rate: '5/m' })
  @Query()
  search(): string {
    return 'found';
  }

  @SkipRateLimit()
  @Query()
  skipped(): string {
    return 'skipped';
  }

  @Mutation()
  rename(): string {
    return 'renamed';
  }

  @RateLimit({ name: 'ticks', rate: '2/m' })
  @Subscription()
  async *ticks(): AsyncGenerator<{ ticks: number }> {
    for (let ticks = 0; ticks < 5; ticks += 1) yield { ticks };
  }
}

interface Answer {
  readonly data: Readonly<Record<string, unknown>> | null;
  readonly errors?: readonly {
    readonly message: string;
    readonly path: readonly (string | number)[];
    readonly extensions: Readonly<Record<string, unknown>>;
  }[];
}

interface Asked {
  readonly status: number;
  readonly headers: Headers;
  readonly answer: Answer;
}

type Start = { readonly adapter: () => AbstractHttpAdapter; readonly options: GqlModuleOptions };

const apollo: ApolloDriverConfig = {
  driver: ApolloDriver,
  typeDefs,
  subscriptions: { 'graphql-ws': true },
  fieldResolverEnhancers: ['guards'],
};
const mercurius: MercuriusDriverConfig = {
  driver: MercuriusDriver,
  typeDefs,
  subscription: true,
  fieldResolverEnhancers: ['guards'],
};

const expressAdapter = (): ExpressAdapter => {
  const adapter = new ExpressAdapter();
  adapter.set('trust proxy', true);
  return adapter;
};
const fastifyAdapter = (): FastifyAdapter => new FastifyAdapter({ trustProxy: true });

const drivers: [string, Start][] = [
  ['Apollo on Express', { adapter: expressAdapter, options: apollo }],
  ['Apollo on Fastify', { adapter: fastifyAdapter, options: apollo }],
  ['Mercurius', { adapter: fastifyAdapter, options: mercurius }],
];

describe.each(drivers)('GraphQL by %s', (_name, { adapter, options }) => {
  let app: INestApplication;
  let port: number;
  const lines = new Lines();

  beforeAll(async () => {
    @Module({
      imports: [
        RateLimitModule.forRoot({
          policies: { api: '100/m' },
          apply: ['api'],
        }),
        GraphQLModule.forRoot({ ...options }),
      ],
      providers: [UserResolver],
    })
    class GraphqlModule {}
    app = await NestFactory.create(GraphqlModule, adapter(), { logger: lines, abortOnError: false });
    await app.listen(0, '127.0.0.1');
    ({ port } = (app.getHttpServer() as Server).address() as AddressInfo);
  });
  afterAll(() => app.close());

  const ask = async (query: string, address: string): Promise<Asked> => {
    const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-Forwarded-For': address },
      body: JSON.stringify({ query }),
    });
    return { status: response.status, headers: response.headers, answer: (await response.json()) as Answer };
  };

  it('counts an operation once for each root field, whatever it resolves below', async () => {
    const { status, headers, answer } = await ask('{ users { id badge } }', '192.0.2.1');
    expect(status).toBe(200);
    expect(answer.errors).toBeUndefined();
    expect(headers.get('RateLimit')).toMatch(/^"api";r=99;/);
    const aliased = await ask('{ a: free b: free }', '192.0.2.1');
    expect(aliased.headers.get('RateLimit')).toMatch(/^"api";r=97;/);
    const changed = await ask('mutation { rename }', '192.0.2.1');
    expect(changed.headers.get('RateLimit')).toMatch(/^"api";r=96;/);
  });

  it('counts a nested field that declares a limit, each time it is resolved', async () => {
    const { answer } = await ask('{ users { id secret } }', '192.0.2.2');
    expect(answer.errors).toHaveLength(47);
    expect(answer.errors?.[0]?.extensions).toMatchObject({ code: 'RATE_LIMITED', policies: [{ name: 'secret' }] });
    expect((answer.data?.['users'] as { id: number }[]).map(({ id }) => id)).toHaveLength(50);
  });

  it('refuses a field with its extensions, and answers the others', async () => {
    const fields = Array.from({ length: 50 }, (_none, index) => `s${index}: search`).join(' ');
    const { status, headers, answer } = await ask(`{ ${fields} skipped }`, '192.0.2.3');
    expect(status).toBe(200);
    expect(Object.values(answer.data ?? {}).filter((value) => value === 'found')).toHaveLength(5);
    expect(answer.data?.['skipped']).toBe('skipped');
    expect(answer.errors).toHaveLength(45);
    for (const { message, extensions } of answer.errors ?? []) {
      expect(message).toBe('Too Many Requests');
      expect(extensions).toMatchObject({
        code: 'RATE_LIMITED',
        retryAfterMs: expect.any(Number) as unknown,
        policies: [{ name: 'api' }, { name: 'search', allowed: false }],
      });
    }
    expect(headers.get('RateLimit-Policy')).toBe('"api";q=100;w=60, "search";q=5;w=60');
    expect(headers.get('RateLimit')).toMatch(/^"api";r=95;t=\d+, "search";r=0;t=\d+$/);
    expect(Number(headers.get('Retry-After'))).toBeGreaterThan(0);
    expect(lines.errors).toEqual([]);
  });

  it('counts a subscription once, when it begins, by the address of its connection', async () => {
    const subscribe = async (address: string): Promise<unknown[]> => {
      class FromAddress extends WebSocket {
        constructor(url: string, protocols: string) {
          super(url, protocols, { headers: { 'X-Forwarded-For': address } });
        }
      }
      const client = createClient({
        url: `ws://127.0.0.1:${port}/graphql`,
        webSocketImpl: FromAddress,
        retryAttempts: 0,
      });
      const results: unknown[] = [];
      try {
        for await (const result of client.iterate({ query: 'subscription { ticks }' })) results.push(result);
      } catch (error) {
        results.push(error);
      }
      await client.dispose();
      return results;
    };
    for (const _ of [1, 2]) expect(await subscribe('192.0.2.5')).toHaveLength(5);
    expect(JSON.stringify(await subscribe('192.0.2.5'))).toContain('RATE_LIMITED');
    expect(await subscribe('192.0.2.6')).toHaveLength(5);
  });
});
