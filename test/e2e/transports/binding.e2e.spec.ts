import {
  type ArgumentsHost,
  Catch,
  Controller,
  type ExceptionFilter,
  Get,
  type INestApplication,
  Module,
  UseGuards,
} from '@nestjs/common';
import { ExternalContextCreator, NestFactory } from '@nestjs/core';
import { ClientProxyFactory, type ClientProxy, MessagePattern, Transport } from '@nestjs/microservices';
import {
  RateLimit,
  RateLimitExceededException,
  RateLimitGuard,
  RateLimitModule,
  type RateLimitTransport,
} from 'nestjs-floodgate';
import { firstValueFrom } from 'rxjs';
import { freePort } from '../../support/free-port.js';

/** The decorator alone, and with the guard bound by hand. */
@Controller()
class Plain {
  @RateLimit({ name: 'plain', rate: '3/m' })
  @MessagePattern('plain')
  plain(): string {
    return 'plain';
  }

  @UseGuards(RateLimitGuard)
  @RateLimit({ name: 'twice', rate: '3/m' })
  @MessagePattern('twice')
  twice(): string {
    return 'twice';
  }

  @RateLimit({ name: 'page', rate: '3/m' })
  @Get('page')
  page(): string {
    return 'page';
  }
}

@UseGuards(RateLimitGuard)
@RateLimit({ name: 'of-class', rate: '3/m' })
@Controller()
class OfClass {
  @MessagePattern('class.one')
  one(): string {
    return 'one';
  }

  @MessagePattern('class.other')
  other(): string {
    return 'other';
  }
}

/** What a consumer of a queue or a bot calls, by a context of its own. */
@Controller()
class Consumers {
  @RateLimit({ name: 'limited', rate: '2/m' })
  limited(): string {
    return 'limited';
  }

  @RateLimit({ name: 'neighbour', rate: '2/m' })
  neighbour(): string {
    return 'neighbour';
  }

  unlimited(): string {
    return 'unlimited';
  }
}

interface BotMessage {
  readonly from: { readonly id: number };
  readonly replies: string[];
}

/** A transport of the application's own. */
const bot: RateLimitTransport = {
  name: 'bot',
  owns: (call) => call.getType<string>() === 'bot',
  caller: (call) => ({ user: call.getArgByIndex<BotMessage>(0).from }),
  reach: () => 'all',
  answer: (call, { code }) => call.getArgByIndex<BotMessage>(0).replies.push(code),
};

@Module({
  imports: [
    RateLimitModule.forRoot({
      policies: { api: { rate: '1/m', key: 'user-or-ip' } },
      apply: ['api'],
      transports: [bot],
    }),
  ],
  controllers: [Plain, OfClass, Consumers],
})
class HybridModule {}

/** Catches everything, and knows HTTP alone. */
@Catch()
class ForHttp implements ExceptionFilter {
  catch(error: Error, host: ArgumentsHost): void {
    host
      .switchToHttp()
      .getResponse<{ status(code: number): { send(body: string): void } }>()
      .status(500)
      .send(error.name);
  }
}

type Method = 'limited' | 'neighbour' | 'unlimited';

/** Two applications of a process share classes; each has a guard and counters of its own. */
describe.each([
  ['without inheritAppConfig', false],
  ['with inheritAppConfig', true],
])('a hybrid application %s', (_name, inheritAppConfig) => {
  let app: INestApplication;
  let client: ClientProxy;

  beforeAll(async () => {
    const options = { host: '127.0.0.1', port: await freePort() };
    app = await NestFactory.create(HybridModule, { logger: false, abortOnError: false });
    app.useGlobalFilters(new ForHttp());
    app.connectMicroservice({ transport: Transport.TCP, options }, { inheritAppConfig });
    await app.startAllMicroservices();
    await app.listen(0, '127.0.0.1');
    client = ClientProxyFactory.create({ transport: Transport.TCP, options });
  });
  afterAll(async () => {
    await client.close();
    await app.close();
  });

  const admitted = async (...patterns: string[]): Promise<number> => {
    const calls = Array.from({ length: 10 }, (_none, index) => patterns[index % patterns.length] as string);
    const answers = await Promise.all(
      calls.map((pattern) => firstValueFrom(client.send<unknown>(pattern, {})).catch((error: unknown) => error)),
    );
    for (const answer of answers) {
      if (typeof answer !== 'string') expect(answer).toMatchObject({ status: 'error', code: 'RATE_LIMITED' });
    }
    return answers.filter((answer) => typeof answer === 'string').length;
  };

  /** Calls a method as libraries do that have contexts of their own. */
  const calledAs = (type: string, method: Method, message: object): Promise<unknown> => {
    const consumers = app.get(Consumers);
    const creator = app.get(ExternalContextCreator, { strict: false });
    const enhancers = { guards: true, filters: true, interceptors: true };
    const none = undefined;
    const call = creator.create(consumers, consumers[method], method, none, none, none, none, enhancers, type);
    return (call as (message: object) => Promise<unknown>)(message);
  };

  it('limits by the decorator alone', async () => {
    expect(await admitted('plain')).toBe(3);
  });

  it('counts a call once that meets the guard by other ways too', async () => {
    expect(await admitted('twice')).toBe(3);
    expect(await admitted('class.one', 'class.other')).toBe(3);
  });

  it('limits what others call by what it declares, and never by what the module applies', async () => {
    const called = (method: Method): Promise<unknown> => calledAs('rmq', method, {});
    for (let index = 0; index < 5; index += 1) expect(await called('unlimited')).toBe('unlimited');
    for (let index = 0; index < 2; index += 1) expect(await called('limited')).toBe('limited');
    await expect(called('limited')).rejects.toThrow(RateLimitExceededException);
    expect(await called('neighbour')).toBe('neighbour');
  });

  it('limits a transport of the application by what that says of its calls', async () => {
    const messageOf = (id: number): BotMessage => ({ from: { id }, replies: [] });
    const first = messageOf(1);
    expect(await calledAs('bot', 'unlimited', first)).toBe('unlimited');
    const second = messageOf(1);
    await calledAs('bot', 'unlimited', second);
    expect([first.replies, second.replies]).toEqual([[], ['RATE_LIMITED']]);
    expect(await calledAs('bot', 'unlimited', messageOf(2))).toBe('unlimited');
  });
});
