import { join } from 'node:path';
import { Controller, type INestMicroservice, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { loadPackageDefinition, credentials, type Client, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import {
  ClientProxyFactory,
  type ClientOptions,
  type ClientProxy,
  EventPattern,
  GrpcMethod,
  MessagePattern,
  type MicroserviceOptions,
  Payload,
  Transport,
} from '@nestjs/microservices';
import {
  BackendService,
  CircuitBreaker,
  type Decision,
  RateLimit,
  RateLimitDecision,
  RateLimitModule,
} from 'nestjs-floodgate';
import { firstValueFrom } from 'rxjs';
import { freePort } from '../../support/free-port.js';
import { eventually } from '../../support/eventually.js';
import { RedisServer } from '../../support/redis-server.js';
import { expectNoUnhandled } from '../../support/unhandled.js';
import { Lines } from './lines.js';
import { SwitchedBackend } from './switched-backend.js';

const heard = { count: 0 };

@Controller()
class Handlers {
  @RateLimit({ name: 'ask', rate: '5/m' })
  @MessagePattern('ask')
  ask(@Payload() _text: unknown, @RateLimitDecision() decision: Decision): object {
    return { remaining: decision.policies[0]?.remaining };
  }

  @RateLimit({ name: 'ask', rate: '5/m' })
  @GrpcMethod('Limits', 'Ask')
  askByGrpc(): object {
    return { text: 'answer' };
  }

  @RateLimit({ name: 'other', rate: '5/m' })
  @MessagePattern('other')
  other(): string {
    return 'other';
  }

  @MessagePattern('free')
  free(): string {
    return 'free';
  }

  @RateLimit({ name: 'event', rate: '5/m' })
  @EventPattern('event')
  event(_payload: unknown): void {
    heard.count += 1;
  }

  @CircuitBreaker({ name: 'partner', failureThreshold: 1 })
  @MessagePattern('partner')
  partner(): never {
    throw new Error('down');
  }

  @CircuitBreaker({ name: 'grpc partner', failureThreshold: 1 })
  @GrpcMethod('Limits', 'Partner')
  partnerByGrpc(): never {
    throw new Error('down');
  }
}

interface Service extends AsyncDisposable {
  readonly app: INestMicroservice;
  readonly backend: SwitchedBackend;
  readonly lines: Lines;
}

async function startService(options: MicroserviceOptions): Promise<Service> {
  const backend = new SwitchedBackend();
  const lines = new Lines();
  @Module({
    imports: [
      RateLimitModule.forRoot({
        backend,
        policies: { api: '1/m' },
        apply: ['api'],
        circuitBreaker: { failureThreshold: 3 },
      }),
    ],
    controllers: [Handlers],
  })
  class ServiceModule {}
  const app = await NestFactory.createMicroservice(ServiceModule, { ...options, logger: lines, abortOnError: false });
  await app.listen();
  return { app, backend, lines, [Symbol.asyncDispose]: () => app.close() };
}

/** What a call came to: its answer, or its error. */
const told = (client: ClientProxy, pattern: string): Promise<unknown> =>
  firstValueFrom(client.send<unknown>(pattern, { text: 'x' })).catch((error: unknown) => error);

describe.each(['TCP', 'Redis'])('a microservice over %s', (transport) => {
  let service: Service;
  let client: ClientProxy;
  let redis: RedisServer | undefined;

  beforeAll(async () => {
    if (transport === 'Redis') redis = await RedisServer.start();
    const options: MicroserviceOptions =
      redis === undefined
        ? { transport: Transport.TCP, options: { host: '127.0.0.1', port: await freePort() } }
        : { transport: Transport.REDIS, options: { host: '127.0.0.1', port: redis.port } };
    service = await startService(options);
    client = ClientProxyFactory.create(options as ClientOptions) as unknown as ClientProxy;
    await client.connect();
  });
  afterAll(async () => {
    await client.close();
    await service.app.close();
    await redis?.stop();
  });

  it('admits exactly the limit of parallel calls, and tells of the others', () =>
    expectNoUnhandled(async () => {
      const answers = await Promise.all(Array.from({ length: 50 }, () => told(client, 'ask')));
      const admitted = answers.filter((answer) => (answer as { remaining?: number }).remaining !== undefined);
      expect(admitted).toHaveLength(5);
      const refused = answers.filter((answer) => !admitted.includes(answer));
      for (const answer of refused) {
        expect(answer).toEqual({
          status: 'error',
          code: 'RATE_LIMITED',
          message: 'Too Many Requests',
          retryAfterMs: expect.any(Number) as unknown,
        });
      }
      expect(service.lines.errors).toEqual([]);
    }));

  it('counts handlers apart, and only by what they declare', async () => {
    expect(await told(client, 'other')).toBe('other');
    for (const _ of [1, 2, 3]) expect(await told(client, 'free')).toBe('free');
  });

  it('drops events above the limit, and says nothing in the log', () =>
    expectNoUnhandled(async () => {
      heard.count = 0;
      for (let index = 0; index < 20; index += 1) await firstValueFrom(client.emit('event', {}), { defaultValue: 0 });
      await eventually(async () => heard.count >= 5 && (await told(client, 'free')) === 'free');
      expect(heard.count).toBe(5);
      expect(service.lines.errors).toEqual([]);
    }));

  it('tells of an open circuit, and of an outage with one line in the log', () =>
    expectNoUnhandled(async () => {
      await told(client, 'partner');
      service.lines.errors.length = 0;
      expect(await told(client, 'partner')).toMatchObject({ code: 'CIRCUIT_OPEN', message: 'Service Unavailable' });
      service.lines.warnings.length = 0;
      service.backend.isOff = true;
      const answers = await Promise.all(Array.from({ length: 200 }, () => told(client, 'other')));
      for (let index = 0; index < 20; index += 1) await firstValueFrom(client.emit('event', {}), { defaultValue: 0 });
      expect(await told(client, 'free')).toBe('free');
      service.backend.isOff = false;
      for (const answer of answers) {
        expect(answer).toMatchObject({ status: 'error', code: 'BACKEND_UNAVAILABLE', message: 'Service Unavailable' });
      }
      expect(service.lines.errors).toEqual([]);
      expect(service.lines.warnings).toHaveLength(1);
    }));
});

describe('a microservice over gRPC', () => {
  const protoPath = join(import.meta.dirname, 'limits.proto');
  let service: Service;
  let client: Client & Record<'ask' | 'partner', (text: object, done: (error: ServiceError | null) => void) => void>;

  beforeAll(async () => {
    const url = `127.0.0.1:${await freePort()}`;
    service = await startService({ transport: Transport.GRPC, options: { package: 'limits', protoPath, url } });
    const { limits } = loadPackageDefinition(loadSync(protoPath)) as unknown as {
      limits: { Limits: new (...args: unknown[]) => typeof client };
    };
    client = new limits.Limits(url, credentials.createInsecure());
  });
  afterAll(async () => {
    client.close();
    await service.app.close();
  });

  const call = (method: 'ask' | 'partner'): Promise<ServiceError | null> =>
    new Promise((resolve) => client[method]({ text: 'x' }, resolve));

  it('refuses with RESOURCE_EXHAUSTED, and when to come back in the metadata', () =>
    expectNoUnhandled(async () => {
      const answers = await Promise.all(Array.from({ length: 50 }, () => call('ask')));
      const refused = answers.filter((error) => error !== null);
      expect(refused).toHaveLength(45);
      for (const { code, details, metadata } of refused) {
        expect({ code, details }).toEqual({ code: 8, details: 'Too Many Requests' });
        expect(Number(metadata.get('grpc-retry-pushback-ms')[0])).toBeGreaterThan(0);
        expect(Number(metadata.get('retry-after')[0])).toBeGreaterThan(0);
      }
      expect(service.lines.errors).toEqual([]);
    }));

  it('tells of an open circuit and of an outage by UNAVAILABLE', () =>
    expectNoUnhandled(async () => {
      await call('partner');
      service.lines.errors.length = 0;
      expect(await call('partner')).toMatchObject({ code: 14, details: 'Service Unavailable' });
      service.lines.warnings.length = 0;
      service.backend.isOff = true;
      const answers = await Promise.all(Array.from({ length: 50 }, () => call('ask')));
      service.backend.isOff = false;
      service.app.get(BackendService).resetCircuitBreaker();
      for (const error of answers) expect(error).toMatchObject({ code: 14, details: 'Service Unavailable' });
      expect(answers[0]?.metadata.get('error-code')).toEqual(['BACKEND_UNAVAILABLE']);
      expect(service.lines.errors).toEqual([]);
      expect(service.lines.warnings).toHaveLength(1);
    }));
});
