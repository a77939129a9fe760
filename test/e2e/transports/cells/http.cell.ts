import { Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { Controller, Get } from '@nestjs/common';
import { type AbstractHttpAdapter, NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { type Cell, type Client, fail, Guarded, type HandlerName, Limited, other, rootOf, type Told } from './cell.js';

@Controller()
class Routes {
  @Limited('ask')
  @Get('ask')
  ask(): string {
    return 'ask';
  }

  @Get('free')
  free(): string {
    return 'free';
  }

  @Guarded()
  @Get('partner')
  partner(): Promise<string> {
    return fail();
  }
}

const CONNECTIONS = 10;

/** A browser of few connections, which are kept: a refusal must not end one. */
class HttpClient implements Client {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  private readonly sockets = new Set<object>();

  constructor(private readonly url: string) {}

  call(handlers: readonly HandlerName[]): Promise<Told[]> {
    return Promise.all(handlers.map((handler) => this.get(handler)));
  }

  lost(): number {
    return Math.max(0, this.sockets.size - CONNECTIONS);
  }

  async close(): Promise<void> {
    this.agent.destroy();
  }

  private get(handler: HandlerName): Promise<Told> {
    return new Promise((resolve, reject) => {
      const call = request(`${this.url}/${handler}`, { agent: this.agent }, (response) => {
        const { statusCode, headers } = response;
        text(response).then((body) => resolve(readAnswer(statusCode, headers, body)), reject);
      });
      call.once('socket', (socket) => this.sockets.add(socket));
      call.once('error', reject).end();
    });
  }
}

/** A 429 and a 503 both say when to come back, and a 429 by which quota. */
function readAnswer(status: number | undefined, headers: NodeJS.Dict<string | string[]>, body: string): Told {
  if (status === 200) return body as HandlerName;
  const seconds = Number(headers['retry-after']);
  const raw = JSON.stringify({ headers, body });
  const answer = { retryAfterMs: seconds * 1_000, raw };
  if (!(seconds >= 1)) return other(raw);
  if (status === 429 && /^"ask";r=0;t=\d+$/.test(String(headers['ratelimit'])))
    return { code: 'RATE_LIMITED', ...answer };
  return status === 503 ? { code: 'BACKEND_UNAVAILABLE', ...answer } : other(raw);
}

const cellOn = (name: string, adapter: () => AbstractHttpAdapter): Cell => ({
  name: `HTTP on ${name}`,
  circuitCode: 'BACKEND_UNAVAILABLE',
  async start(limits, logger) {
    const root = rootOf({ imports: [limits], controllers: [Routes] });
    const app = await NestFactory.create(root, adapter(), { logger, abortOnError: false });
    await app.listen(0, '127.0.0.1');
    return { app, client: new HttpClient(await app.getUrl()) };
  },
});

export const httpCells: readonly Cell[] = [
  cellOn('Express', () => new ExpressAdapter()),
  cellOn('Fastify', () => new FastifyAdapter()),
];
