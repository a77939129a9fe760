import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import {
  Controller,
  Get,
  type INestApplication,
  Options,
  Post,
  Req,
  Sse,
  StreamableFile,
  Version,
  VersioningType,
} from '@nestjs/common';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import { RateLimit, RateLimitModule } from 'nestjs-floodgate';
import { interval, map, type Observable, take } from 'rxjs';
import { type HttpApp, type Platform, platforms, startHttpApp } from '../../support/http-app.js';
import { Lines } from './lines.js';

/** Bytes of an upload. */
const UPLOAD = 5 * 1024 * 1024;

@Controller()
class Routes {
  @RateLimit({ name: 'upload', rate: '1/m' })
  @Post('upload')
  async upload(@Req() request: NodeJS.ReadableStream & { readonly raw?: NodeJS.ReadableStream }): Promise<number> {
    let bytes = 0;
    for await (const chunk of request.raw ?? request) bytes += (chunk as Buffer).length;
    return bytes;
  }

  @RateLimit({ name: 'ticks', rate: '1/m' })
  @Sse('ticks')
  ticks(): Observable<{ data: string }> {
    return interval(5).pipe(
      take(3),
      map((tick) => ({ data: String(tick) })),
    );
  }

  @RateLimit({ name: 'file', rate: '1/m' })
  @Get('file')
  file(): StreamableFile {
    return new StreamableFile(Readable.from([Buffer.from('first '), Buffer.from('last')]));
  }

  @RateLimit({ name: 'page', rate: '2/m' })
  @Get('page')
  page(): string {
    return 'page';
  }

  @Options('asked')
  @RateLimit({ name: 'asked', rate: '1/m' })
  asked(): string {
    return 'asked';
  }

  @RateLimit({ name: 'anything', rate: '1/m' })
  @Get('files/*')
  anything(): string {
    return 'anything';
  }

  @RateLimit({ name: 'one', rate: '1/m' })
  @Version('1')
  @Get('versioned')
  one(): string {
    return 'one';
  }

  @RateLimit({ name: 'two', rate: '1/m' })
  @Version('2')
  @Get('versioned')
  two(): string {
    return 'two';
  }
}

function start(platform: Platform, lines = new Lines()): Promise<HttpApp> {
  const metadata = {
    imports: [RateLimitModule.forRoot({ policies: { api: '1000/m' }, apply: ['api'] })],
    controllers: [Routes],
  };
  return startHttpApp(platform, metadata, (app: INestApplication) => {
    app.useLogger(lines);
    app.setGlobalPrefix('v');
    app.enableVersioning({ type: VersioningType.HEADER, header: 'X-Version' });
    app.enableCors({ origin: 'https://example.org', exposedHeaders: ['RateLimit'] });
    if (platform === 'fastify') {
      const fastify = (app.getHttpAdapter() as unknown as FastifyAdapter).getInstance();
      // A stream, not a buffer: so that the route may refuse before a byte of the body is read.
      fastify.addContentTypeParser('application/octet-stream', (_request, _payload, done) => done(null));
    }
  });
}

/** Uploads over a socket of its own, as a client that reads only when it has sent all; the answer as it came. */
async function upload(url: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  const head = [
    'POST /v/upload HTTP/1.1',
    `Host: ${hostname}`,
    'Content-Type: application/octet-stream',
    `Content-Length: ${UPLOAD}`,
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  const chunk = Buffer.alloc(64 * 1024);
  for (let sent = 0; sent < UPLOAD; sent += chunk.length) {
    if (!socket.write(chunk)) await Promise.race([once(socket, 'drain'), once(socket, 'close')]);
  }
  socket.end();
  return text(socket);
}

describe.each(platforms)('HTTP on %s', (platform) => {
  const lines = new Lines();
  let app: HttpApp;
  const get = (path: string, init: RequestInit = {}): Promise<Response> => fetch(`${app.url}/v/${path}`, init);
  const statuses = async (path: string, ...inits: RequestInit[]): Promise<number[]> => {
    const found: number[] = [];
    for (const init of inits) {
      const response = await get(path, init);
      await response.text();
      found.push(response.status);
    }
    return found;
  };

  beforeAll(async () => {
    app = await start(platform, lines);
  });
  afterAll(() => app.close());
  afterEach(() => {
    expect(lines.errors).toEqual([]);
  });

  it('a client that uploads to a refused route reads 429', async () => {
    const first = await upload(app.url);
    expect(first).toMatch(/^HTTP\/1\.1 201 /);
    expect(first).toContain(String(UPLOAD));
    const second = await upload(app.url);
    expect(second).toMatch(/^HTTP\/1\.1 429 Too Many Requests\r\n/);
    expect(second).toMatch(/\r\nRetry-After: [1-9]\d*\r\n/i);
    expect(second).toContain('Too Many Requests');
  });

  it('a stream of events is one call, and its refusal is no stream', async () => {
    const first = await get('ticks');
    expect(first.headers.get('ratelimit')).toMatch(/"ticks";r=0;/);
    expect((await first.text()).match(/data: \d/g)).toEqual(['data: 0', 'data: 1', 'data: 2']);
    const second = await get('ticks');
    expect(second.status).toBe(429);
    expect(Number(second.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await second.json()).toMatchObject({ statusCode: 429 });
  });

  it('a download is one call', async () => {
    const first = await get('file');
    expect(first.headers.get('ratelimit')).toMatch(/"file";r=0;/);
    expect(await first.text()).toBe('first last');
    expect(await statuses('file', {})).toEqual([429]);
  });

  it('HEAD costs what GET costs, and is refused without a body', async () => {
    expect(await statuses('page', {}, { method: 'HEAD' })).toEqual([200, 200]);
    const refused = await get('page', { method: 'HEAD' });
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refused.text()).toBe('');
  });

  it('a preflight is not counted', async () => {
    const before = await get('versioned', { method: 'OPTIONS' });
    await before.text();
    const preflight = {
      method: 'OPTIONS',
      headers: { Origin: 'https://example.org', 'Access-Control-Request-Method': 'GET' },
    };
    const found = await statuses('page', ...Array.from({ length: 5 }, () => preflight));
    expect(new Set(found)).toEqual(new Set([204]));
    const answer = await get('page', preflight);
    expect(answer.headers.get('ratelimit')).toBeNull();
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://example.org');
  });

  it('a refusal can be read by scripts of another origin', async () => {
    const response = await get('file', { headers: { Origin: 'https://example.org' } });
    expect(response.status).toBe(429);
    expect(response.headers.get('access-control-allow-origin')).toBe('https://example.org');
  });

  it('versions of a route are counted apart', async () => {
    const version = (number: string): RequestInit => ({ headers: { 'X-Version': number } });
    expect(await statuses('versioned', version('1'), version('2'), version('1'), version('2'))).toEqual([
      200, 200, 429, 429,
    ]);
  });

  it('all paths of a wildcard are one route', async () => {
    expect(await statuses('files/a', {})).toEqual([200]);
    expect(await statuses('files/b/c', {})).toEqual([429]);
  });

  it('what has no route is not counted', async () => {
    expect(await statuses('nowhere', {}, {})).toEqual([404, 404]);
    const page = await get('files/x');
    expect(page.headers.get('ratelimit')).not.toMatch(/"nowhere"/);
  });
});
