import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { type AbstractHttpAdapter, NestFactory } from '@nestjs/core';
import { type GqlModuleOptions, GraphQLModule, Query, Resolver } from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { Type } from '@nestjs/common';
import {
  type Cell,
  type Client,
  fail,
  Guarded,
  type HandlerName,
  Limited,
  other,
  readCode,
  rootOf,
  type Told,
} from './cell.js';

const typeDefs = 'type Query { ask: String free: String partner: String }';

@Resolver()
class SchemaFirst {
  @Limited('ask')
  @Query()
  ask(): string {
    return 'ask';
  }

  @Query()
  free(): string {
    return 'free';
  }

  @Guarded()
  @Query()
  partner(): Promise<string> {
    return fail();
  }
}

const text = { nullable: true };

@Resolver()
class CodeFirst {
  @Limited('ask')
  @Query(() => String, text)
  ask(): string {
    return 'ask';
  }

  @Query(() => String, text)
  free(): string {
    return 'free';
  }

  @Guarded()
  @Query(() => String, text)
  partner(): Promise<string> {
    return fail();
  }
}

interface Answer {
  readonly data: Readonly<Record<string, HandlerName | null>> | null;
  readonly errors?: readonly GraphqlError[];
}

interface GraphqlError {
  readonly message: string;
  readonly path: readonly [string];
  readonly extensions?: Readonly<Record<string, unknown>>;
}

/** Fields of one operation; more would be no operation that anybody sends. */
const FIELDS = 100;

/** Asks for each call as a field of one operation, under an alias of its own. */
class GraphqlClient implements Client {
  constructor(private readonly url: string) {}

  async call(handlers: readonly HandlerName[]): Promise<Told[]> {
    const told: Told[] = [];
    for (let from = 0; from < handlers.length; from += FIELDS) {
      told.push(...(await this.operation(handlers.slice(from, from + FIELDS))));
    }
    return told;
  }

  lost(): number {
    return 0;
  }

  async close(): Promise<void> {
    // Nothing is kept.
  }

  private async operation(handlers: readonly HandlerName[]): Promise<Told[]> {
    const fields = handlers.map((handler, index) => `f${index}: ${handler}`).join(' ');
    const response = await fetch(`${this.url}/graphql`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ query: `{ ${fields} }` }),
    });
    const { data, errors = [] } = (await response.json()) as Answer;
    if (response.status !== 200) throw new Error(`The status is ${response.status}`);
    const retryAfter = response.headers.get('retry-after');
    return handlers.map((_handler, index) => {
      const error = errors.find(({ path }) => path[0] === `f${index}`);
      return error === undefined ? (data?.[`f${index}`] as HandlerName) : readError(error, retryAfter);
    });
  }
}

/** A field that is refused names its policies, and the headers of the operation say when to come back. */
function readError(error: GraphqlError, retryAfter: string | null): Told {
  const { message, extensions = {} } = error;
  const { code, retryAfterMs, policies } = extensions;
  const [first] = (policies ?? []) as readonly { name?: string; allowed?: boolean }[];
  const isTold = code !== 'RATE_LIMITED' || (first?.name === 'ask' && !first.allowed && Number(retryAfter) >= 1);
  return isTold ? readCode(code, message, retryAfterMs, error) : other(error);
}

const apollo: ApolloDriverConfig = { driver: ApolloDriver };
const mercurius: MercuriusDriverConfig = { driver: MercuriusDriver };

const cellOf = (name: string, adapter: () => AbstractHttpAdapter, options: GqlModuleOptions, resolver: Type): Cell => ({
  name: `GraphQL by ${name}`,
  circuitCode: 'CIRCUIT_OPEN',
  async start(limits, logger) {
    const root = rootOf({ imports: [limits, GraphQLModule.forRoot({ ...options })], providers: [resolver] });
    const app = await NestFactory.create(root, adapter(), { logger, abortOnError: false });
    await app.listen(0, '127.0.0.1');
    return { app, client: new GraphqlClient(await app.getUrl()) };
  },
});

const express = (): AbstractHttpAdapter => new ExpressAdapter();
const fastify = (): AbstractHttpAdapter => new FastifyAdapter();
const codeFirst = { autoSchemaFile: true };

export const graphqlCells: readonly Cell[] = [
  cellOf('Apollo on Express', express, { ...apollo, typeDefs }, SchemaFirst),
  cellOf('Apollo on Express, code first', express, { ...apollo, ...codeFirst }, CodeFirst),
  cellOf('Apollo on Fastify', fastify, { ...apollo, typeDefs }, SchemaFirst),
  cellOf('Mercurius', fastify, { ...mercurius, typeDefs }, SchemaFirst),
  cellOf('Mercurius, code first', fastify, { ...mercurius, ...codeFirst }, CodeFirst),
];
