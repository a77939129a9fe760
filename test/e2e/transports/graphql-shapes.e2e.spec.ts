import { ApolloServerPluginInlineTraceDisabled } from '@apollo/server/plugin/disabled';
import { ApolloDriver, type ApolloDriverConfig, ApolloFederationDriver } from '@nestjs/apollo';
import { type AbstractHttpAdapter, NestFactory } from '@nestjs/core';
import {
  type GqlModuleOptions,
  GraphQLModule,
  Query,
  ResolveField,
  ResolveReference,
  Resolver,
  Subscription,
} from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Inject, type INestApplication, Injectable, type Type } from '@nestjs/common';
import {
  CircuitBreaker,
  CircuitBreakerRegistry,
  RateLimit,
  RateLimitModule,
  type RateLimitModuleOptions,
} from 'nestjs-floodgate';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { expectNoUnhandled } from '../../support/unhandled.js';
import { rootOf } from './cells/cell.js';
import { Lines } from './lines.js';

const OPEN = { code: 'CIRCUIT_OPEN', retryAfterMs: expect.any(Number) as unknown };

interface Answer {
  readonly data: Readonly<Record<string, unknown>> | null;
  readonly errors?: readonly {
    readonly message: string;
    readonly path: readonly (string | number)[];
    readonly extensions?: Readonly<Record<string, unknown>>;
  }[];
}

@Injectable()
class Partner {
  @CircuitBreaker({ name: 'secret-partner', failureThreshold: 1 })
  async quote(): Promise<string> {
    throw new Error('secret: down');
  }
}

const typeDefs = `
  type User { id: Int! quote: String partner: String }
  type Query { users: [User!]! free: String search: String }
  type Subscription { ticks: Int broken: Int later: Int }
`;

@Resolver('User')
class UserResolver {
  constructor(@Inject(Partner) private readonly partners: Partner) {}

  @Query()
  users(): object[] {
    return [{ id: 1 }, { id: 2 }];
  }

  @ResolveField()
  quote(): Promise<string> {
    return this.partners.quote();
  }

  @CircuitBreaker({ name: 'secret-partner' })
  @ResolveField()
  partner(): string {
    return 'partner';
  }

  @Query()
  free(): string {
    return 'free';
  }

  @RateLimit({ name: 'search', rate: '3/m' })
  @Query()
  search(): string {
    return 'found';
  }

  @Subscription()
  async *ticks(): AsyncGenerator<{ ticks: number }> {
    for (let ticks = 0; ticks < 3; ticks += 1) yield { ticks };
  }

  @CircuitBreaker({ name: 'secret-partner' })
  @Subscription()
  async *broken(): AsyncGenerator<{ broken: number }> {
    yield { broken: 1 };
  }

  /** Calls what is down when the first value is there already. */
  @Subscription()
  async *later(): AsyncGenerator<{ later: number }> {
    yield { later: 1 };
    await this.partners.quote();
  }
}

interface GraphqlApp extends AsyncDisposable {
  readonly app: INestApplication;
  readonly lines: Lines;
  readonly url: string;
  post(body: unknown): Promise<{ readonly headers: Headers; readonly answer: unknown }>;
  ask(query: string, variables?: object): Promise<Answer>;
}

async function start(
  adapter: AbstractHttpAdapter,
  options: GqlModuleOptions,
  resolvers: readonly Type[],
  limits: RateLimitModuleOptions,
): Promise<GraphqlApp> {
  const lines = new Lines();
  const root = rootOf({
    imports: [RateLimitModule.forRoot(limits), GraphQLModule.forRoot({ ...options })],
    providers: [...resolvers],
  });
  const app = await NestFactory.create(root, adapter, { logger: lines, abortOnError: false });
  await app.listen(0, '127.0.0.1');
  const url = `${await app.getUrl()}/graphql`;
  const post = async (body: unknown): Promise<{ headers: Headers; answer: unknown }> => {
    const headers = { 'Content-Type': 'application/json' };
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
    return { headers: response.headers, answer: await response.json() };
  };
  return {
    app,
    lines,
    url,
    post,
    ask: async (query, variables) => (await post({ query, variables })).answer as Answer,
    [Symbol.asyncDispose]: () => app.close(),
  };
}

const apollo: ApolloDriverConfig = {
  driver: ApolloDriver,
  typeDefs,
  allowBatchedHttpRequests: true,
  subscriptions: { 'graphql-ws': true },
};
const mercurius: MercuriusDriverConfig = {
  driver: MercuriusDriver,
  typeDefs,
  allowBatchedQueries: true,
  subscription: true,
};

const drivers: readonly (readonly [string, () => AbstractHttpAdapter, GqlModuleOptions])[] = [
  ['Apollo on Express', () => new ExpressAdapter(), apollo],
  ['Apollo on Fastify', () => new FastifyAdapter(), apollo],
  ['Mercurius', () => new FastifyAdapter(), mercurius],
];

async function openCircuit(app: INestApplication): Promise<void> {
  await app
    .get(Partner)
    .quote()
    .catch(() => undefined);
  expect(app.get(CircuitBreakerRegistry).get('secret-partner')?.status().state).toBe('open');
}

describe.each(drivers)('GraphQL by %s', (_name, adapter, options) => {
  const limits: RateLimitModuleOptions = { policies: { api: '100/m' }, apply: ['api'] };
  let server: GraphqlApp;
  beforeAll(async () => {
    server = await start(adapter(), options, [UserResolver, Partner], limits);
  });
  afterAll(() => server.app.close());

  it('counts each operation of a batch, and the headers tell of all of them', async () => {
    const { headers, answer } = await server.post(
      Array.from({ length: 5 }, (_none, index) => ({ query: index === 4 ? '{ free }' : '{ search }' })),
    );
    const answers = answer as Answer[];
    expect(answers.map(({ errors }) => errors?.[0]?.extensions?.['code'])).toEqual([
      ...Array<undefined>(3).fill(undefined),
      'RATE_LIMITED',
      undefined,
    ]);
    expect(answers[4]?.data).toEqual({ free: 'free' });
    expect(headers.get('RateLimit')).toMatch(/^"api";r=96;t=\d+, "search";r=0;t=\d+$/);
    expect(Number(headers.get('Retry-After'))).toBeGreaterThan(0);
  });

  it('names no breaker where a circuit is open, on nested fields and in what they call', async () => {
    await openCircuit(server.app);
    server.lines.clear();
    const { data, errors = [] } = await server.ask('{ users { id quote partner } free }');
    expect(data).toMatchObject({ users: [{ id: 1, quote: null, partner: null }, { id: 2 }], free: 'free' });
    expect(errors).toHaveLength(4);
    for (const error of errors) expect(error).toMatchObject({ message: 'Service Unavailable', extensions: OPEN });
    expect(JSON.stringify(errors)).not.toContain('secret');
    expect(server.lines.errors).toEqual([]);
  });

  it('answers a subscription whose circuit is open, and harms no other on the connection', () =>
    expectNoUnhandled(async () => {
      await openCircuit(server.app);
      const client = createClient({
        url: server.url.replace('http', 'ws'),
        webSocketImpl: WebSocket,
        retryAttempts: 0,
        lazy: false,
        onNonLazyError: () => undefined,
      });
      const results = async (field: string): Promise<unknown[]> => {
        const told: unknown[] = [];
        try {
          for await (const result of client.iterate({ query: `subscription { ${field} }` })) told.push(result);
        } catch (error) {
          told.push(error);
        }
        return told;
      };
      const [ticks, broken] = await Promise.all([results('ticks'), results('broken')]);
      expect(ticks).toEqual([0, 1, 2].map((value) => ({ data: { ticks: value } })));
      const error = JSON.stringify(broken);
      expect(error).toContain('"code":"CIRCUIT_OPEN"');
      expect(error).toContain('Service Unavailable');
      expect(error).not.toContain('secret');
      expect(await results('ticks')).toHaveLength(3);
      const later = await results('later');
      expect(later[0]).toEqual({ data: { later: 1 } });
      expect(JSON.stringify(later.map((one) => (one as { reason?: string }).reason ?? one))).not.toContain('secret');
      await client.dispose();
    }));
});

/** A subgraph says on the console that it traces. */
const QUIET = [ApolloServerPluginInlineTraceDisabled()];

describe('references of a federation', () => {
  const federated = `
    extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key"])
    type User @key(fields: "id") { id: ID! name: String }
    type Shop @key(fields: "id") { id: ID! name: String }
    type Query { free: String }
  `;

  @RateLimit({ name: 'class', rate: '2/m', key: 'global' })
  @Resolver('User')
  class Users {
    @ResolveReference()
    resolveReference({ id }: { id: string }): object {
      return { id, name: `user ${id}` };
    }

    @Query()
    free(): string {
      return 'free';
    }
  }

  @Resolver('Shop')
  class Shops {
    constructor(@Inject(Partner) private readonly partners: Partner) {}

    @RateLimit({ name: 'reference', rate: '3/m', key: 'global' })
    @ResolveReference()
    resolveReference({ id }: { id: string }): object {
      return { id, name: `shop ${id}` };
    }

    @ResolveField()
    name(): Promise<string> {
      return this.partners.quote();
    }
  }

  const entities = (server: GraphqlApp, type: string, fields: string): Promise<Answer> =>
    server.ask(`query ($of: [_Any!]!) { _entities(representations: $of) { ... on ${type} { ${fields} } } }`, {
      of: Array.from({ length: 10 }, (_none, id) => ({ __typename: type, id: String(id) })),
    });

  it.each([
    ['Express', () => new ExpressAdapter()],
    ['Fastify', () => new FastifyAdapter()],
  ])('are counted only by what they declare, on %s', async (_name, adapter) => {
    const options: ApolloDriverConfig = {
      driver: ApolloFederationDriver,
      typeDefs: federated,
      fieldResolverEnhancers: ['guards'],
      plugins: QUIET,
    };
    const limits: RateLimitModuleOptions = { policies: { api: '3/m' }, apply: ['api'] };
    await using server = await start(adapter(), options, [Users, Shops, Partner], limits);
    const users = await entities(server, 'User', 'id name');
    expect(users.errors).toBeUndefined();
    expect(users.data?.['_entities']).toHaveLength(10);
    const shops = await entities(server, 'Shop', 'id');
    expect(shops.errors?.map(({ extensions }) => extensions?.['code'])).toEqual(Array<string>(7).fill('RATE_LIMITED'));
    // Of the class and of the module, nothing is used up but what the root field costs.
    expect((await server.ask('{ a: free b: free }')).errors).toBeUndefined();
    expect((await server.ask('{ free }')).errors?.[0]?.extensions).toMatchObject({ code: 'RATE_LIMITED' });
  });

  it('name no breaker whose circuit is open', async () => {
    const options: ApolloDriverConfig = { driver: ApolloFederationDriver, typeDefs: federated, plugins: QUIET };
    await using server = await start(new ExpressAdapter(), options, [Users, Shops, Partner], { bindFilter: false });
    await openCircuit(server.app);
    const { errors = [] } = await entities(server, 'Shop', 'name');
    expect(errors[0]).toMatchObject({ message: 'Service Unavailable', extensions: OPEN });
    expect(JSON.stringify(errors)).not.toContain('secret');
  });
});
