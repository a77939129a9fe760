import type { Server } from 'node:http';
import { Module, type INestApplication, type ModuleMetadata, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';

/** Both HTTP platforms of NestJS, for `describe.each(platforms)`. */
export const platforms = ['express', 'fastify'] as const;

export type Platform = (typeof platforms)[number];

export interface HttpApp extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`, without a trailing slash. */
  readonly url: string;
  readonly app: INestApplication;
  /** Shuts down as in production: runs the shutdown hooks and drains. Connections still open after 5 s are cut. */
  close(): Promise<void>;
}

export interface HttpAppOptions {
  /** Whether the client's address is taken from `X-Forwarded-For`. Default false, as on both platforms. */
  readonly trustProxy?: boolean;
  /** Port of 127.0.0.1. Default: one that is free. */
  readonly port?: number;
}

const CLOSE_TIMEOUT_MS = 5_000;

/**
 * Starts an application on a free port of 127.0.0.1. Nest's log is off.
 *
 * @param module a module class, or the metadata of one
 * @param configure is given the application before it initialises
 * @throws whatever the application throws while it starts
 */
export async function startHttpApp(
  platform: Platform,
  module: Type | ModuleMetadata,
  configure?: (app: INestApplication) => void | Promise<void>,
  options: HttpAppOptions = {},
): Promise<HttpApp> {
  const root = typeof module === 'function' ? module : moduleOf(module);
  const app = await NestFactory.create(root, adapterOf(platform, options), {
    logger: false,
    abortOnError: false,
  });
  await configure?.(app);
  await app.listen(options.port ?? 0, '127.0.0.1');
  // On a busy machine the server might close an idle connection just when its client sends the next request.
  (app.getHttpServer() as Server).keepAliveTimeout = 0;

  const close = (): Promise<void> => closeInTime(app);
  return { url: await app.getUrl(), app, close, [Symbol.asyncDispose]: close };
}

function adapterOf(platform: Platform, { trustProxy = false }: HttpAppOptions): ExpressAdapter | FastifyAdapter {
  switch (platform) {
    case 'express': {
      const adapter = new ExpressAdapter();
      adapter.set('trust proxy', trustProxy);
      return adapter;
    }
    case 'fastify':
      return new FastifyAdapter({ trustProxy });
  }
}

function moduleOf(metadata: ModuleMetadata): Type {
  @Module(metadata)
  class HttpAppModule {}
  return HttpAppModule;
}

async function closeInTime(app: INestApplication): Promise<void> {
  const server = app.getHttpServer() as Server;
  const timer = setTimeout(() => server.closeAllConnections(), CLOSE_TIMEOUT_MS);
  try {
    await app.close();
  } finally {
    clearTimeout(timer);
  }
}
