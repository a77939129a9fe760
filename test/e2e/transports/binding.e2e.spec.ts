import { Controller, Get, type INestApplication, Module, Req, UseGuards } from '@nestjs/common';
import { ExternalContextCreator, NestFactory } from '@nestjs/core';
import { ClientProxyFactory, type ClientProxy, MessagePattern, Transport } from '@nestjs/microservices';
import { RateLimit, RateLimitExceededException, RateLimitGuard, RateLimitModule } from 'nestjs-floodgate';
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

  @Get('ip')
  ip(@Req() { ip }: { ip: string }): string {
    return ip;
  }
}

@Module({
  imports: [RateLimitModule.forRoot({ policies: { api: '1/m' }, apply: ['api'] })],
  controllers: [Plain, OfClass, Consumers],
})
class HybridModule {}

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

  it('limits by the decorator alone', async () => {
    expect(await admitted('plain')).toBe(3);
  });

  it('counts a call once that meets the guard by other ways too', async () => {
    expect(await admitted('twice')).toBe(3);
    expect(await admitted('class.one', 'class.other')).toBe(3);
  });

  it('limits what others call by what it declares, and never by what the module applies', async () => {
    const consumers = app.get(Consumers);
    const creator = app.get(ExternalContextCreator, { strict: false });
    const called = (method: 'limited' | 'neighbour' | 'unlimited'): Promise<unknown> =>
      (
        creator.create(
          consumers,
          consumers[method],
          method,
          undefined,
          undefined,
          undefined,
          undefined,
          { guards: true, filters: true, interceptors: true },
          'rmq',
        ) as (message: object) => Promise<unknown>
      )({});
    for (let index = 0; index < 5; index += 1) expect(await called('unlimited')).toBe('unlimited');
    for (let index = 0; index < 2; index += 1) expect(await called('limited')).toBe('limited');
    await expect(called('limited')).rejects.toThrow(RateLimitExceededException);
    expect(await called('neighbour')).toBe('neighbour');
  });
});
