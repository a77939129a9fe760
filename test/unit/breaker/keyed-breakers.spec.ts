import { Injectable, type Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { BREAKER_REGISTRY, CircuitBreakerRegistry } from '../../../lib/breaker/breaker.registry.js';
import { CircuitBreaker } from '../../../lib/breaker/circuit-breaker.decorator.js';
import type { BreakerTransition } from '../../../lib/contracts/breaker.js';
import { RateLimitConfigurationError } from '../../../lib/contracts/errors.js';

const down = new Error('down');

async function application<T>(type: Type<T>): Promise<{ instance: T; registry: CircuitBreakerRegistry }> {
  const module = await Test.createTestingModule({ providers: [type, CircuitBreakerRegistry] }).compile();
  return { instance: module.get(type), registry: module.get(CircuitBreakerRegistry) };
}

const names = (registry: CircuitBreakerRegistry): string[] => Object.keys(registry.getAllStatus());

describe('a breaker for each key', () => {
  @Injectable()
  class Webhooks {
    @CircuitBreaker({ key: (url: string) => new URL(url).host, maxBreakers: 3, failureThreshold: 1 })
    async send(_url: string, error?: Error): Promise<string> {
      if (error !== undefined) throw error;
      return 'sent';
    }
  }

  it('opens for one host and leaves the others alone', async () => {
    const { instance, registry } = await application(Webhooks);
    await expect(instance.send('https://a.example/1', down)).rejects.toBe(down);
    await expect(instance.send('https://a.example/2')).rejects.toMatchObject({ breaker: 'Webhooks.send[a.example]' });
    await expect(instance.send('https://b.example/1')).resolves.toBe('sent');
    expect(names(registry)).toEqual(['Webhooks.send[a.example]', 'Webhooks.send[b.example]']);
    expect(registry.get('Webhooks.send[a.example]')?.status().state).toBe('open');
  });

  it('drops the least recently used beyond maxBreakers; a key that comes back is closed', async () => {
    const { instance, registry } = await application(Webhooks);
    await expect(instance.send('https://a.example/', down)).rejects.toBe(down);
    await instance.send('https://b.example/');
    await instance.send('https://c.example/');
    await expect(instance.send('https://a.example/')).rejects.toMatchObject({ code: 'CIRCUIT_OPEN' });
    await instance.send('https://d.example/');
    expect(names(registry).sort()).toEqual(['a', 'c', 'd'].map((host) => `Webhooks.send[${host}.example]`));
    await instance.send('https://b.example/');
    await instance.send('https://e.example/');
    await expect(instance.send('https://a.example/')).resolves.toBe('sent');
    expect(names(registry)).toHaveLength(3);
  });

  it('tells its transitions by its name, and nothing once it is dropped', async () => {
    const { instance, registry } = await application(Webhooks);
    const heard: BreakerTransition[] = [];
    registry.onTransition((transition) => heard.push(transition));
    await expect(instance.send('https://a.example/', down)).rejects.toBe(down);
    const dropped = registry.get('Webhooks.send[a.example]');
    for (const host of ['b', 'c', 'd']) await instance.send(`https://${host}.example/`);
    expect(registry.get('Webhooks.send[a.example]')).toBeUndefined();
    dropped?.reset();
    expect(heard).toEqual([{ breaker: 'Webhooks.send[a.example]', from: 'closed', to: 'open', reason: 'tripped' }]);
  });

  it('is configured by its own name, or all of them by that of the method, also those to come', async () => {
    const { instance, registry } = await application(Webhooks);
    await instance.send('https://a.example/');
    registry.configure('Webhooks.send', { failureThreshold: 7 });
    registry.configure('Webhooks.send[b.example]', { failureThreshold: 9 });
    await instance.send('https://b.example/');
    await instance.send('https://c.example/');
    const thresholds = Object.values(registry.getAllStatus()).map(({ failureThreshold }) => failureThreshold);
    expect(thresholds).toEqual([7, 9, 7]);
  });

  it('holds 1,000 unless told otherwise', async () => {
    class Tenants {
      @CircuitBreaker({ key: (tenant: string) => tenant })
      ask(tenant: string): string {
        return tenant;
      }
    }
    const { instance, registry } = await application(Tenants);
    for (let tenant = 0; tenant < 1_005; tenant += 1) instance.ask(String(tenant));
    expect(names(registry)).toHaveLength(1_000);
    expect(registry.get('Tenants.ask[4]')).toBeUndefined();
    expect(registry.get('Tenants.ask[5]')).toBeDefined();
  });

  it('may take its key from the instance, and be shared by methods that give one name', async () => {
    class Regions {
      readonly region = 'eu';
      @CircuitBreaker({ name: 'store', failureThreshold: 1, key: region })
      async read(): Promise<never> {
        throw down;
      }
      @CircuitBreaker({ name: 'store', key: region })
      async write(): Promise<void> {}
    }
    function region(this: Regions): string {
      return this.region;
    }
    const { instance, registry } = await application(Regions);
    await expect(instance.read()).rejects.toBe(down);
    await expect(instance.write()).rejects.toMatchObject({ breaker: 'store[eu]' });
    expect(names(registry)).toEqual(['store[eu]']);
  });

  it('hands on what the key function throws, as the method would', async () => {
    const { instance, registry } = await application(Webhooks);
    await expect(instance.send('no address')).rejects.toThrow('Invalid URL');
    class Sync {
      @CircuitBreaker({ key: () => undefined as unknown as string })
      ask(): string {
        return 'answer';
      }
    }
    expect(() => new Sync().ask()).toThrow(/key of 'Sync.ask': received undefined\. Answer a string/);
    expect(names(registry)).toEqual([]);
  });

  it('guards streams too', async () => {
    class Models {
      @CircuitBreaker({ key: (model: string) => model, failureThreshold: 1 })
      async *tokens(model: string): AsyncGenerator<string> {
        if (model === 'broken') throw down;
        yield model;
      }
    }
    const models = new Models();
    await expect(models.tokens('broken').next()).rejects.toBe(down);
    await expect(models.tokens('broken').next()).rejects.toMatchObject({ breaker: 'Models.tokens[broken]' });
    await expect(models.tokens('sound').next()).resolves.toEqual({ done: false, value: 'sound' });
  });

  it.each([
    [{ key: 'host' as never }, /@CircuitBreaker key: received 'host'/],
    [{ maxBreakers: 5 }, /maxBreakers: received 5\. Give a key too/],
    [{ key: () => '', maxBreakers: 0 }, /maxBreakers: received 0/],
    [{ key: () => '', maxBreakers: 1.5 }, /maxBreakers: received 1.5/],
  ])('refuses wrong options where they are written: %p', (options, message) => {
    expect(() => CircuitBreaker(options)).toThrow(message);
  });
});

describe('CircuitBreakerRegistry#create', () => {
  it('makes a breaker with options, and lists it', async () => {
    const registry = new CircuitBreakerRegistry();
    const heard: BreakerTransition[] = [];
    registry.onTransition((transition) => heard.push(transition));
    const breaker = registry.create('payments', { failureThreshold: 1 });
    await expect(breaker.execute(() => Promise.reject(down))).rejects.toBe(down);
    expect(registry.get('payments')).toBe(breaker);
    expect(heard).toEqual([{ breaker: 'payments', from: 'closed', to: 'open', reason: 'tripped' }]);
    expect(breaker.status()).toMatchObject({ name: 'payments', failureThreshold: 1 });
  });

  it('takes what configure said of it before', () => {
    const registry = new CircuitBreakerRegistry();
    registry.configure('payments', { failureThreshold: 7 });
    expect(registry.create('payments').status().failureThreshold).toBe(7);
  });

  it('refuses a name that is taken, and wrong names and options', async () => {
    class Payments {
      @CircuitBreaker()
      async pay(): Promise<void> {}
    }
    const { registry } = await application(Payments);
    registry.create('payments');
    for (const name of ['payments', 'Payments.pay', '']) {
      expect(() => registry.create(name)).toThrow(RateLimitConfigurationError);
    }
    expect(() => registry.create('other', { jitter: 2 })).toThrow(/circuitBreaker.jitter/);
    expect(registry.get('other')).toBeUndefined();
  });

  it('makes the one that methods share by its name, whichever comes first', async () => {
    class Payments {
      @CircuitBreaker('payments')
      async pay(): Promise<string> {
        return 'paid';
      }
    }
    const { instance, registry } = await application(Payments);
    const breaker = registry.create('payments', { failureThreshold: 1 });
    breaker.forceOpen();
    await expect(instance.pay()).rejects.toMatchObject({ breaker: 'payments' });
    expect(breaker.status().failureThreshold).toBe(1);
  });
});

describe('a method that another copy of the package decorated', () => {
  class Partner {
    @CircuitBreaker({ failureThreshold: 1 })
    async ask(): Promise<never> {
      throw down;
    }
  }

  it('has its breaker in the registry of the application, found by the token that all copies share', async () => {
    const registry = new CircuitBreakerRegistry();
    const module = await Test.createTestingModule({
      // To this copy's decorator, the class of the other copy's registry is unknown.
      providers: [Partner, { provide: BREAKER_REGISTRY, useValue: registry }],
    }).compile();
    expect(names(registry)).toEqual(['Partner.ask']);
    await expect(module.get(Partner).ask()).rejects.toBe(down);
    expect(registry.get('Partner.ask')?.status().state).toBe('open');
    expect(BREAKER_REGISTRY).toBe(Symbol.for('nestjs-floodgate:breaker-registry'));
  });
});
