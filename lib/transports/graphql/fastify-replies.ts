import { Inject, Injectable } from '@nestjs/common';
import { HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import { isObject } from '../structure.js';

/** Under which Nest's GraphQL module marks a class as a resolver. */
const RESOLVER = 'graphql:resolver_type';

type Hook = (request: object, reply: object, done: () => void) => void;

/**
 * Finds the reply of a Fastify request: a context of GraphQL that has only the request cannot set headers. Replies are
 * kept only where the application has resolvers.
 */
@Injectable()
export class FastifyReplies {
  private readonly replies = new WeakMap<object, object>();

  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
  ) {}

  /** Hooks into Fastify; it must be before routes are made. */
  watch(): void {
    const { httpAdapter } = this.host as Partial<HttpAdapterHost>;
    if (httpAdapter?.getType() !== 'fastify' || !this.hasResolvers()) return;
    const fastify = httpAdapter.getInstance<{ addHook(name: 'onRequest', hook: Hook): void }>();
    fastify.addHook('onRequest', (request, reply, done) => {
      this.replies.set(request, reply);
      done();
    });
  }

  of(request: unknown): object | undefined {
    return isObject(request) ? this.replies.get(request) : undefined;
  }

  private hasResolvers(): boolean {
    return [...this.modules.values()].some(({ providers }) =>
      [...providers.values()].some(
        ({ metatype }) => typeof metatype === 'function' && Reflect.hasMetadata(RESOLVER, metatype),
      ),
    );
  }
}
