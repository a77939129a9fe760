import { Injectable, SetMetadata } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { BackendService, memoryBackend, Paced, RateLimitConfigurationError, RateLimitModule } from 'nestjs-floodgate';

/** Made in each test: a decorator works while the class is made. */
function crmClass() {
  @Injectable()
  class Crm {
    private readonly prefix = 'sent ';

    @Paced('1/h', { maxWait: '1s' })
    @SetMetadata('job', 'nightly')
    push(contact: string): unknown {
      return this.prefix + contact;
    }
  }
  return Crm;
}

describe('a method with @Paced', () => {
  it('keeps its instance, its arguments and its result', async () => {
    const Crm = crmClass();
    const app = await Test.createTestingModule({ imports: [RateLimitModule.forRoot()], providers: [Crm] }).compile();
    await app.init();
    expect(await app.get(Crm).push('Ada')).toBe('sent Ada');
    await app.close();
  });

  it('has one key, named after its class and itself, unless told otherwise', async () => {
    const Crm = crmClass();
    const app = await Test.createTestingModule({
      imports: [RateLimitModule.forRoot({ backend: memoryBackend() })],
      providers: [Crm],
    }).compile();
    await app.init();
    await app.get(Crm).push('Ada');
    const left = async (key: string): Promise<unknown> =>
      (await app.get(BackendService).peek(key, '1/h')).policies[0]?.remaining;
    expect(await left('Crm.push')).toBe(0);
    expect(await left('Crm.pull')).toBe(1);
    await app.close();
  });

  it('keeps its name, and what other decorators say of it', () => {
    const { push } = crmClass().prototype;
    expect(push.name).toBe('push');
    expect(Reflect.getMetadata('job', push)).toBe('nightly');
  });
});

describe('@Paced explains', () => {
  const there = { maxWait: '1s' } as const;
  const errorOf = (act: () => unknown): unknown => {
    try {
      return act();
    } catch (error) {
      return error;
    }
  };
  const expectExplained = (error: unknown, ...words: readonly string[]): void => {
    expect(error).toBeInstanceOf(RateLimitConfigurationError);
    for (const word of words) expect((error as Error).message).toContain(word);
  };

  it.each<[string, object, PropertyDescriptor | undefined]>([
    ['a property', {}, undefined],
    ['an accessor', {}, { get: () => 1 }],
    ['what is no function', {}, { value: 1 }],
    ['a static method', class {}, { value: () => 1 }],
  ])('that it cannot be on %s', (_what, target, descriptor) => {
    const decorate = Paced('1/h', there) as (...given: unknown[]) => void;
    expectExplained(
      errorOf(() => decorate(target, 'push', descriptor)),
      "@Paced on 'push'",
      "provider's method",
    );
  });

  it('a wait that is none, at its place', () => {
    expectExplained(
      errorOf(() => Paced('1/h', { maxWait: 'soon' as never })),
      '@Paced maxWait',
    );
    expectExplained(
      errorOf(() => Paced('1/h', { maxWait: '25d' })),
      '@Paced maxWait',
    );
  });

  it('that Nest has to make the instance', async () => {
    const error = await Promise.resolve(new (crmClass())().push('Ada')).catch((reason: unknown) => reason);
    expectExplained(error, "@Paced on 'Crm.push'", 'RateLimitModule.forRoot()');
  });

  it('the same where the module is missing', async () => {
    const Crm = crmClass();
    const app = await Test.createTestingModule({ providers: [Crm] }).compile();
    await expect(Promise.resolve(app.get(Crm).push('Ada'))).rejects.toThrow('RateLimitModule.forRoot()');
  });
});
