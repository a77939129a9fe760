import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { Controller, Get } from '@nestjs/common';
import { BackendService, type FailureMode, RateLimit, RateLimitModule } from 'nestjs-floodgate';
import { dynamodbBackend } from 'nestjs-floodgate/dynamodb';
import { dynamoClient, DynamoServer, type DynamoFault } from '../support/dynamo-server.js';
import { type HttpApp, type Platform, platforms, startHttpApp } from '../support/http-app.js';

@Controller()
class CatsController {
  @RateLimit('2/d')
  @Get('cats')
  cats(): string {
    return 'cats';
  }
}

let server: DynamoServer;
let client: DynamoDBClient;
let tables = 0;

beforeAll(async () => {
  server = await DynamoServer.start();
  client = dynamoClient(server.port, { maxAttempts: 1 });
});

afterAll(async () => {
  client.destroy();
  await server.stop();
});

beforeEach(() => (server.fault = () => undefined));

/** An application with a table of its own. */
async function start(platform: Platform, failureMode: FailureMode = 'closed', timeout = '5s'): Promise<HttpApp> {
  const backend = dynamodbBackend({ client, table: `limits-${(tables += 1)}`, createTable: true });
  const app = await startHttpApp(platform, {
    imports: [RateLimitModule.forRoot({ backend, failureMode, timeout })],
    controllers: [CatsController],
  });
  return app;
}

const statuses = async ({ url }: HttpApp, count: number): Promise<readonly number[]> => {
  const found: number[] = [];
  for (let call = 0; call < count; call += 1) found.push((await fetch(`${url}/cats`)).status);
  return found;
};

describe.each(platforms)('an application that counts in DynamoDB, on %s', (platform) => {
  it('limits, and is healthy', async () => {
    await using app = await start(platform);
    expect(await statuses(app, 3)).toEqual([200, 200, 429]);
    const health = await app.app.get(BackendService).health();
    expect(health).toMatchObject({ healthy: true, backends: [{ name: 'dynamodb', healthy: true }] });
  });

  const faults: readonly (readonly [string, DynamoFault])[] = [
    ['is throttled', { status: 400, type: 'ThrottlingException' }],
    ['fails', { status: 500, type: 'InternalServerError' }],
    ['hangs', 'hang'],
  ];

  it.each(faults)('answers by the failure mode while DynamoDB %s', async (_what, fault) => {
    for (const [mode, expected] of [
      ['closed', [503, 503, 503]],
      ['open', [200, 200, 200]],
      ['local', [200, 200, 429]],
    ] as const) {
      server.fault = () => undefined;
      await using app = await start(platform, mode, '100ms');
      await app.app.get(BackendService).health();
      server.fault = () => fault;
      expect({ [mode]: await statuses(app, 3) }).toEqual({ [mode]: expected });
    }
  });

  it('tells of a mistake in every mode, and blames nobody for it', async () => {
    await using app = await start(platform, 'open');
    server.fault = (operation) =>
      operation === 'PutItem' ? { status: 400, type: 'AccessDeniedException' } : undefined;
    expect(await statuses(app, 7)).toEqual(Array(7).fill(500));
    expect(app.app.get(BackendService).status().backends[0]!.breaker).toMatchObject({ state: 'closed' });
  });
});
