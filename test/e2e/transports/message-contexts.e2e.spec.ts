import { Controller, type INestApplication, type INestApplicationContext, Injectable } from '@nestjs/common';
import { ExternalContextCreator, NestFactory } from '@nestjs/core';
import {
  type CustomTransportStrategy,
  EventPattern,
  KafkaContext,
  MessagePattern,
  MqttContext,
  NatsContext,
  Payload,
  RmqContext,
  TcpContext,
  Server,
} from '@nestjs/microservices';
import {
  type Decision,
  RateLimit,
  RateLimitDecision,
  RateLimitExceededException,
  RateLimitModule,
} from 'nestjs-floodgate';
import { isObservable, lastValueFrom } from 'rxjs';
import { expectNoUnhandled } from '../../support/unhandled.js';
import { rootOf } from './cells/cell.js';
import { Lines } from './lines.js';

const LIMIT = 5;
const heard = { events: 0 };

@Controller()
class Handlers {
  @RateLimit('shared')
  @MessagePattern('ask')
  ask(@Payload() _payload: unknown, @RateLimitDecision() decision: Decision): number | undefined {
    return decision.policies[0]?.remaining;
  }

  @RateLimit('shared')
  @MessagePattern('neighbour')
  neighbour(): string {
    return 'neighbour';
  }

  @RateLimit({ name: 'by-user', rate: `${LIMIT}/m`, key: 'user' })
  @MessagePattern('by-user')
  byUser(): string {
    return 'by-user';
  }

  @MessagePattern('free')
  free(): string {
    return 'free';
  }

  @RateLimit({ name: 'event', rate: `${LIMIT}/m` })
  @EventPattern('event')
  event(_payload: unknown): void {
    heard.events += 1;
  }
}

/** A broker without a network: it hands messages to handlers as those of Nest do. */
class Broker extends Server implements CustomTransportStrategy {
  listen(ready: () => void): void {
    ready();
  }

  close(): void {
    // Nothing is open.
  }

  on(): void {
    // Nothing happens.
  }

  unwrap<T>(): T {
    return undefined as T;
  }

  async deliver(pattern: string, payload: unknown, context: object): Promise<unknown> {
    const handler = this.getHandlerByPattern(pattern);
    const answer: unknown = await handler?.(payload, context);
    return isObservable(answer) ? lastValueFrom(answer, { defaultValue: undefined }) : answer;
  }
}

/** Contexts as the servers of Nest make them, one for each message. */
const contexts: readonly (readonly [string, () => object])[] = [
  ['NATS', () => new NatsContext(['subject', { get: () => '', set: () => undefined }] as never)],
  ['RMQ', () => new RmqContext([{ properties: { headers: {} }, content: Buffer.from('') }, {}, 'pattern'] as never)],
  [
    'Kafka',
    () =>
      new KafkaContext([
        { key: null, value: Buffer.from(''), headers: { ip: '192.0.2.1' } },
        0,
        'topic',
        {},
        async () => undefined,
        {},
      ] as never),
  ],
  ['MQTT', () => new MqttContext(['topic', {}] as never)],
];

async function start(broker: Broker, lines: Lines): Promise<INestApplicationContext> {
  const limits = RateLimitModule.forRoot({ policies: { api: '1/m', shared: `${LIMIT}/m` }, apply: ['api'] });
  const root = rootOf({ imports: [limits], controllers: [Handlers] });
  const app = await NestFactory.createMicroservice(root, { strategy: broker, logger: lines });
  await app.listen();
  return app;
}

describe.each(contexts)('messages with the context of %s', (_name, contextOf) => {
  const broker = new Broker();
  const lines = new Lines();
  let app: INestApplicationContext;
  const told = (pattern: string, payload: object = {}): Promise<unknown> =>
    broker.deliver(pattern, payload, contextOf()).catch((error: unknown) => error);

  beforeAll(async () => {
    app = await start(broker, lines);
  });
  afterAll(() => app.close());

  it('are limited exactly, each with its own decision, whatever they say of addresses', () =>
    expectNoUnhandled(async () => {
      const forged = (index: number): object => ({ ip: `192.0.2.${index}`, headers: { 'x-forwarded-for': '::1' } });
      const all = await Promise.all(Array.from({ length: 50 }, (_none, index) => told('ask', forged(index))));
      const admitted = all.filter((answer) => typeof answer === 'number');
      expect(admitted.sort()).toEqual([0, 1, 2, 3, 4]);
      for (const refusal of all.filter((answer) => typeof answer !== 'number')) {
        expect(refusal).toEqual({
          status: 'error',
          code: 'RATE_LIMITED',
          message: 'Too Many Requests',
          retryAfterMs: expect.any(Number) as unknown,
        });
      }
      expect(lines.errors).toEqual([]);
    }));

  it('use up no limit of another handler, and none that the module applies', async () => {
    expect(await told('neighbour')).toBe('neighbour');
    for (let call = 0; call < 3; call += 1) expect(await told('free')).toBe('free');
  });

  it('are counted by the user that a guard put into the payload', async () => {
    const answers = async (id: number): Promise<unknown[]> =>
      Promise.all(Array.from({ length: 6 }, () => told('by-user', { user: { id } })));
    for (const id of [1, 2]) {
      expect((await answers(id)).filter((answer) => answer === 'by-user')).toHaveLength(LIMIT);
    }
  });

  it('are dropped above the limit where they are events', () =>
    expectNoUnhandled(async () => {
      heard.events = 0;
      await Promise.all(Array.from({ length: 50 }, () => told('event')));
      expect(heard.events).toBe(LIMIT);
      expect(lines.errors).toEqual([]);
    }));
});

it('messages over TCP are counted by the address of their socket', async () => {
  const broker = new Broker();
  const lines = new Lines();
  const app = await start(broker, lines);
  const admitted = async (address: string): Promise<number> => {
    const context = (): object => new TcpContext([{ netSocket: { remoteAddress: address } }, 'ask'] as never);
    const calls = Array.from({ length: 10 }, () => broker.deliver('ask', {}, context()).catch(() => undefined));
    return (await Promise.all(calls)).filter((answer) => typeof answer === 'number').length;
  };
  expect(await admitted('192.0.2.1')).toBe(LIMIT);
  expect(await admitted('192.0.2.2')).toBe(LIMIT);
  expect(lines.warnings).toEqual([]);
  await app.close();
});

/** What libraries call by contexts of their own: consumers of queues, bots, scheduled jobs, commands. */
@Injectable()
class Consumers {
  @RateLimit('work')
  limited(): string {
    return 'limited';
  }

  @RateLimit('work')
  neighbour(): string {
    return 'neighbour';
  }

  @RateLimit({ name: 'keyed', rate: '2/m', key: 'user-or-ip' })
  keyed(): string {
    return 'keyed';
  }

  unlimited(): string {
    return 'unlimited';
  }
}

/** With the arguments that they hand over: those of golevelup's consumers are a message and its raw form. */
const others: readonly (readonly [string, readonly unknown[]])[] = [
  [
    'rmq',
    [
      { user: { id: 1 }, ip: '192.0.2.1' },
      { fields: {}, properties: { headers: {} }, content: Buffer.from('') },
    ],
  ],
  ['telegraf', [{ from: { id: 1 }, chat: {} }]],
  ['necord', [[{ user: { id: '1' } }]]],
  ['cron', []],
  ['cli', ['text', { flag: true }]],
  ['bull', [{ data: { user: 1, headers: {} } }]],
];

describe.each(others)('a context of the kind %s', (type, args) => {
  let app: INestApplication;
  beforeAll(async () => {
    const limits = RateLimitModule.forRoot({ policies: { api: '1/m', work: '2/m' }, apply: ['api'] });
    app = await NestFactory.create(rootOf({ imports: [limits], providers: [Consumers] }), { logger: false });
    await app.init();
  });
  afterAll(() => app.close());

  const call = async (method: keyof Consumers): Promise<unknown> => {
    const consumers = app.get(Consumers);
    const creator = app.get(ExternalContextCreator, { strict: false });
    const enhancers = { guards: true, filters: true, interceptors: true };
    const none = undefined;
    const handler = creator.create(consumers, consumers[method], method, none, none, none, none, enhancers, type);
    return (handler as (...sent: unknown[]) => Promise<unknown>)(...args);
  };

  it('is never limited by what the module applies', async () => {
    for (let index = 0; index < 5; index += 1) expect(await call('unlimited')).toBe('unlimited');
  });

  it.each(['limited', 'keyed'] as const)(
    'is limited by what it declares, in a bucket of its own: %s',
    async (method) => {
      for (let index = 0; index < 2; index += 1) expect(await call(method)).toBe(method);
      await expect(call(method)).rejects.toThrow(RateLimitExceededException);
    },
  );

  it('uses up nothing that is of its neighbour', async () => {
    expect(await call('neighbour')).toBe('neighbour');
  });
});
