import {
  ConflictException,
  Header,
  HttpCode,
  Injectable,
  InternalServerErrorException,
  SetMetadata,
} from '@nestjs/common';
import { EMPTY, firstValueFrom, from, lastValueFrom, NEVER, Observable, of, Subject, throwError } from 'rxjs';
import { CircuitBreakerRegistry } from '../../../lib/breaker/breaker.registry.js';
import { CircuitBreaker } from '../../../lib/breaker/circuit-breaker.decorator.js';
import type { CircuitBreakerStatus } from '../../../lib/contracts/breaker.js';
import {
  CircuitOpenError,
  DeadlineExceededError,
  FailureResultError,
  RateLimitConfigurationError,
} from '../../../lib/contracts/errors.js';
import { Test } from '@nestjs/testing';
import { expectNoUnhandled } from '../../support/unhandled.js';

const down = new Error('down');

/** An instance that Nest made, and the registry of its application. */
async function injected<T extends object>(
  type: new () => T,
): Promise<{ instance: T; registry: CircuitBreakerRegistry }> {
  const module = await Test.createTestingModule({ providers: [type, CircuitBreakerRegistry] }).compile();
  return { instance: module.get(type), registry: module.get(CircuitBreakerRegistry) };
}

function only(registry: CircuitBreakerRegistry): CircuitBreakerStatus {
  const [status, ...others] = Object.values(registry.getAllStatus());
  if (status === undefined || others.length > 0) throw new Error('expected one breaker');
  return status;
}

describe('@CircuitBreaker', () => {
  describe('on an asynchronous method', () => {
    @Injectable()
    class Quotes {
      calls = 0;
      private readonly prefix = 'quote of';

      @CircuitBreaker({ failureThreshold: 2 })
      async quote(symbol: string, fail = false): Promise<string> {
        this.calls += 1;
        if (fail) throw down;
        return `${this.prefix} ${symbol}`;
      }
    }

    it('takes this and the arguments of each call', async () => {
      const { instance } = await injected(Quotes);
      await expect(Promise.all([instance.quote('a'), instance.quote('b')])).resolves.toEqual([
        'quote of a',
        'quote of b',
      ]);
    });

    it('opens after failures, and then rejects without making the call', async () => {
      const { instance, registry } = await injected(Quotes);
      await expect(instance.quote('a', true)).rejects.toBe(down);
      await expect(instance.quote('a', true)).rejects.toBe(down);
      await expect(instance.quote('a')).rejects.toBeInstanceOf(CircuitOpenError);
      await expect(instance.quote('a')).rejects.toMatchObject({ breaker: 'Quotes.quote' });
      expect(instance.calls).toBe(2);
      expect(only(registry)).toMatchObject({ name: 'Quotes.quote', state: 'open' });
    });

    it('answers by a promise always, and never throws', async () => {
      const { instance, registry } = await injected(Quotes);
      registry.get('Quotes.quote')?.forceOpen();
      const answer = instance.quote('a');
      expect(answer).toBeInstanceOf(Promise);
      await expect(answer).rejects.toBeInstanceOf(CircuitOpenError);
    });

    it('lists its breaker from the start, before any call', async () => {
      const { registry } = await injected(Quotes);
      expect(only(registry)).toMatchObject({ name: 'Quotes.quote', state: 'closed', failureThreshold: 2 });
    });

    it('leaves nothing to be seen on the instance', async () => {
      const { instance } = await injected(Quotes);
      await instance.quote('a');
      expect(Reflect.ownKeys({ ...instance })).toEqual(['calls', 'prefix']);
      expect(JSON.parse(JSON.stringify(instance))).toEqual({ calls: 1, prefix: 'quote of' });
    });

    it('leaves no rejection unhandled but the one that its caller ignores', async () => {
      const { instance } = await injected(Quotes);
      await expectNoUnhandled(() => instance.quote('a', true).catch(() => undefined));
    });
  });

  describe('on a synchronous method', () => {
    class Parser {
      @CircuitBreaker({ failureThreshold: 1 })
      parse(text: string): unknown {
        return JSON.parse(text);
      }
    }

    it('answers at once, and throws at once', () => {
      const parser = new Parser();
      expect(parser.parse('[1]')).toEqual([1]);
      expect(() => parser.parse('[')).toThrow(SyntaxError);
      expect(() => parser.parse('[1]')).toThrow(CircuitOpenError);
    });
  });

  describe('on a method that answers a promise without being asynchronous', () => {
    it('rejects by a promise, known from its declared type', async () => {
      class Client {
        @CircuitBreaker()
        get(): Promise<string> {
          return Promise.resolve('ok');
        }
      }
      const { instance, registry } = await injected(Client);
      registry.get('Client.get')?.forceOpen();
      await expect(instance.get()).rejects.toBeInstanceOf(CircuitOpenError);
    });

    it('rejects by a promise, known from an earlier result', async () => {
      class Client {
        @CircuitBreaker({ failureThreshold: 1 })
        get(): unknown {
          return Promise.reject(down);
        }
      }
      const client = new Client();
      await expect(client.get()).rejects.toBe(down);
      await expect(client.get()).rejects.toBeInstanceOf(CircuitOpenError);
    });
  });

  describe('on a method that answers an Observable', () => {
    let source: Observable<number>;
    let subscriptions = 0;

    @Injectable()
    class Feed {
      @CircuitBreaker({ failureThreshold: 2 })
      open(): Observable<number> {
        return new Observable((subscriber) => {
          subscriptions += 1;
          return source.subscribe(subscriber);
        });
      }
    }

    beforeEach(() => {
      subscriptions = 0;
    });

    it('passes on what it emits', async () => {
      const { instance } = await injected(Feed);
      source = from([1, 2, 3]);
      await expect(lastValueFrom(instance.open())).resolves.toBe(3);
    });

    it('asks nothing before it is subscribed to, and counts each subscription', async () => {
      const { instance, registry } = await injected(Feed);
      source = throwError(() => down);
      const feed = instance.open();
      expect(subscriptions).toBe(0);
      expect(only(registry).failureCount).toBe(0);
      await expect(lastValueFrom(feed)).rejects.toBe(down);
      expect(only(registry).failureCount).toBe(1);
      await expect(lastValueFrom(feed)).rejects.toBe(down);
      expect(only(registry).state).toBe('open');
      await expect(lastValueFrom(feed)).rejects.toBeInstanceOf(CircuitOpenError);
      await expect(lastValueFrom(instance.open())).rejects.toBeInstanceOf(CircuitOpenError);
      expect(subscriptions).toBe(2);
    });

    it('asks again at each subscription, so an Observable made while open works after recovery', async () => {
      const { instance, registry } = await injected(Feed);
      source = of(1);
      registry.get('Feed.open')?.forceOpen();
      const feed = instance.open();
      await expect(lastValueFrom(feed)).rejects.toBeInstanceOf(CircuitOpenError);
      registry.resetAll();
      await expect(lastValueFrom(feed)).resolves.toBe(1);
    });

    it.each([
      ['its end is a success', () => EMPTY, 0],
      ['leaving with a value in hand is a success', () => of(1, 2), 0],
      ['leaving before the first value is no verdict', () => NEVER, 1],
    ])('%s', async (_what, make, failuresLeft) => {
      const { instance, registry } = await injected(Feed);
      source = throwError(() => down);
      await expect(lastValueFrom(instance.open())).rejects.toBe(down);
      source = make();
      const feed = instance.open();
      if (failuresLeft === 1) feed.subscribe().unsubscribe();
      else await firstValueFrom(feed, { defaultValue: 0 });
      expect(only(registry).failureCount).toBe(failuresLeft);
    });

    it('takes its slot with the subscription and gives it back with the end of it', async () => {
      const { instance, registry } = await injected(Feed);
      registry.configure('Feed.open', {
        failureThreshold: 1,
        recoveryTimeout: 1,
        backoffMax: 1,
        jitter: 1,
        random: () => 1,
      });
      source = throwError(() => down);
      await expect(lastValueFrom(instance.open())).rejects.toBe(down);
      source = new Subject();
      registry.configure('Feed.open', { callTimeout: '1h' });
      const probe = instance.open().subscribe();
      expect(only(registry).state).toBe('half-open');
      await expect(lastValueFrom(instance.open())).rejects.toBeInstanceOf(CircuitOpenError);
      probe.unsubscribe();
      source = of(7);
      await expect(lastValueFrom(instance.open())).resolves.toBe(7);
      expect(only(registry).state).toBe('closed');
    });

    it('fails at callTimeout, and unsubscribes', async () => {
      let stopped = false;
      class Slow {
        @CircuitBreaker({ callTimeout: 5, failureThreshold: 1 })
        open(): Observable<number> {
          return new Observable(() => () => {
            stopped = true;
          });
        }
      }
      const slow = new Slow();
      await expect(lastValueFrom(slow.open())).rejects.toBeInstanceOf(DeadlineExceededError);
      expect(stopped).toBe(true);
      await expect(lastValueFrom(slow.open())).rejects.toBeInstanceOf(CircuitOpenError);
    });
  });

  describe('callTimeout', () => {
    it('fails a promise that takes longer', async () => {
      class Slow {
        @CircuitBreaker({ callTimeout: 5, failureThreshold: 1 })
        async get(): Promise<never> {
          return new Promise(() => undefined);
        }
      }
      const slow = new Slow();
      await expect(slow.get()).rejects.toBeInstanceOf(DeadlineExceededError);
      await expect(slow.get()).rejects.toBeInstanceOf(CircuitOpenError);
    });
  });

  describe('fallback', () => {
    it('by name: a method of the instance, with the error first and the arguments after it', async () => {
      class Quotes {
        readonly cache = new Map([['a', 1]]);
        @CircuitBreaker({ failureThreshold: 1, fallback: 'cached' })
        async quote(_symbol: string): Promise<string> {
          throw down;
        }
        cached(error: Error, symbol: string): string {
          return `${this.cache.get(symbol)} after ${error.message}`;
        }
      }
      const quotes = new Quotes();
      await expect(quotes.quote('a')).resolves.toBe('1 after down');
      await expect(quotes.quote('a')).resolves.toBe("1 after Circuit 'Quotes.quote' is open");
    });

    it('by function: with this, asynchronous or not', async () => {
      class Quotes {
        readonly offline = 'offline';
        @CircuitBreaker({
          failureThreshold: 1,
          async fallback(this: Quotes, error: Error, symbol: string) {
            return [this.offline, error.message, symbol];
          },
        })
        async quote(_symbol: string): Promise<unknown> {
          throw down;
        }
      }
      await expect(new Quotes().quote('a')).resolves.toEqual(['offline', 'down', 'a']);
    });

    it('of a synchronous method answers at once', () => {
      class Parser {
        @CircuitBreaker({ failureThreshold: 1, fallback: () => 'nothing' })
        parse(text: string): unknown {
          return JSON.parse(text);
        }
      }
      const parser = new Parser();
      expect(parser.parse('[')).toBe('nothing');
      expect(parser.parse('[1]')).toBe('nothing');
    });

    it.each([
      ['a value', () => 'spare'],
      ['a promise', async () => 'spare'],
      ['an Observable', () => of('spare')],
    ])('of an Observable may answer %s', async (_what, fallback) => {
      class Feed {
        @CircuitBreaker({ failureThreshold: 1, fallback })
        open(): Observable<string> {
          return throwError(() => down);
        }
      }
      const feed = new Feed();
      await expect(lastValueFrom(feed.open())).resolves.toBe('spare');
      await expect(lastValueFrom(feed.open())).resolves.toBe('spare');
    });

    it('answers for a result that is a failure, which its error holds; without one the caller gets the result', async () => {
      const isFailureResult = (result: unknown): boolean => (result as { status: number }).status >= 500;
      class Partner {
        @CircuitBreaker({
          failureThreshold: 2,
          isFailureResult,
          fallback: (error) => (error instanceof FailureResultError ? ['spare for', error.result] : 'rejected'),
        })
        async ask(status: number): Promise<unknown> {
          return { status };
        }
        @CircuitBreaker({ failureThreshold: 1, isFailureResult })
        answer(status: number): unknown {
          return { status };
        }
      }
      const { instance, registry } = await injected(Partner);
      await expect(instance.ask(200)).resolves.toEqual({ status: 200 });
      await expect(instance.ask(503)).resolves.toEqual(['spare for', { status: 503 }]);
      await expect(instance.ask(200)).resolves.toEqual({ status: 200 });
      expect(registry.get('Partner.ask')?.status().failureCount).toBe(0);
      await instance.ask(503);
      await instance.ask(500);
      await expect(instance.ask(200)).resolves.toBe('rejected');
      expect(instance.answer(503)).toEqual({ status: 503 });
      expect(() => instance.answer(200)).toThrow(CircuitOpenError);
    });

    it('does not answer for an error that is no failure', async () => {
      class Shop {
        @CircuitBreaker({ fallback: () => 'spare' })
        async buy(): Promise<string> {
          throw new ConflictException('sold out');
        }
      }
      await expect(new Shop().buy()).rejects.toThrow('sold out');
    });

    it('that fails itself is heard by the caller alone', async () => {
      class Quotes {
        @CircuitBreaker({ failureThreshold: 2, fallback: () => Promise.reject(new Error('no cache')) })
        async quote(): Promise<string> {
          throw down;
        }
      }
      const { instance, registry } = await injected(Quotes);
      await expectNoUnhandled(() => expect(instance.quote()).rejects.toThrow('no cache'));
      expect(only(registry)).toMatchObject({ state: 'closed', failureCount: 1 });
      registry.get('Quotes.quote')?.forceOpen();
      await expectNoUnhandled(() => expect(instance.quote()).rejects.toThrow('no cache'));
    });

    it('that does not exist is found when Nest makes the instance, or at the first call', async () => {
      class Quotes {
        @CircuitBreaker({ fallback: 'chached' })
        async quote(): Promise<string> {
          return 'ok';
        }
      }
      await expect(injected(Quotes)).rejects.toThrow(RateLimitConfigurationError);
      await expect(async () => new Quotes().quote()).rejects.toThrow(/fallback: received 'chached'/);
    });
  });

  describe('failures', () => {
    class Shop {
      @CircuitBreaker({ failureThreshold: 1 })
      async buy(error: unknown): Promise<never> {
        throw error;
      }
      @CircuitBreaker({ failureThreshold: 1, isFailure: (error) => error instanceof ConflictException })
      async sell(error: unknown): Promise<never> {
        throw error;
      }
    }

    it('are no errors with a status of 400 to 499, which are answers', async () => {
      const shop = new Shop();
      for (let count = 0; count < 3; count += 1) {
        await expect(shop.buy(new ConflictException())).rejects.toBeInstanceOf(ConflictException);
      }
      await expect(shop.buy(new InternalServerErrorException())).rejects.toBeInstanceOf(InternalServerErrorException);
      await expect(shop.buy(new ConflictException())).rejects.toBeInstanceOf(CircuitOpenError);
    });

    it.each([undefined, null, 'text', 5, {}])('are other errors, even %p', async (error) => {
      const shop = new Shop();
      await expect(shop.buy(error)).rejects.toBe(error);
      await expect(shop.buy(error)).rejects.toBeInstanceOf(CircuitOpenError);
    });

    it('are what isFailure says, where it is given', async () => {
      const shop = new Shop();
      await expect(shop.sell(down)).rejects.toBe(down);
      await expect(shop.sell(new ConflictException())).rejects.toBeInstanceOf(ConflictException);
      await expect(shop.sell(down)).rejects.toBeInstanceOf(CircuitOpenError);
    });
  });

  describe('names', () => {
    it('given on purpose are shared, by methods of any class', async () => {
      class Orders {
        @CircuitBreaker({ name: 'payments', failureThreshold: 1 })
        async pay(): Promise<never> {
          throw down;
        }
        @CircuitBreaker('payments')
        async refund(): Promise<string> {
          return 'ok';
        }
      }
      const { instance, registry } = await injected(Orders);
      expect(only(registry).failureThreshold).toBe(1);
      await expect(instance.pay()).rejects.toBe(down);
      await expect(instance.refund()).rejects.toMatchObject({ breaker: 'payments' });
    });

    it('given twice with different options are refused when the application starts', async () => {
      class Orders {
        @CircuitBreaker({ name: 'payments', failureThreshold: 1 })
        async pay(): Promise<void> {}
        @CircuitBreaker({ name: 'payments', failureThreshold: 2 })
        async refund(): Promise<void> {}
      }
      await expect(injected(Orders)).rejects.toThrow(/circuitBreaker 'payments'/);
    });

    it('of two classes that are called alike are not shared', async () => {
      const make = (): new () => { find(): Promise<void> } => {
        class Cats {
          @CircuitBreaker()
          async find(): Promise<void> {}
        }
        return Cats;
      };
      const [one, other] = [make(), make()];
      const module = await Test.createTestingModule({ providers: [one, other, CircuitBreakerRegistry] }).compile();
      expect(Object.keys(module.get(CircuitBreakerRegistry).getAllStatus())).toEqual(['Cats.find', 'Cats.find#2']);
    });

    it('of an inherited method are those of the class that declares it', async () => {
      class Base {
        @CircuitBreaker()
        async find(): Promise<string> {
          return this.constructor.name;
        }
      }
      class Cats extends Base {
        @CircuitBreaker()
        async feed(): Promise<string> {
          return 'fed';
        }
      }
      const { instance, registry } = await injected(Cats);
      await expect(instance.find()).resolves.toBe('Cats');
      await expect(instance.feed()).resolves.toBe('fed');
      expect(Object.keys(registry.getAllStatus()).sort()).toEqual(['Base.find', 'Cats.feed']);
    });
  });

  describe('an instance that Nest did not make', () => {
    class Mailer {
      @CircuitBreaker({ failureThreshold: 1 })
      async send(error?: Error): Promise<string> {
        if (error) throw error;
        return 'sent';
      }
      @CircuitBreaker({ name: 'post', failureThreshold: 1 })
      async print(): Promise<never> {
        throw down;
      }
      @CircuitBreaker('post')
      async stamp(): Promise<void> {}
      @CircuitBreaker({ failureThreshold: 1 })
      static ping(fail: boolean): string {
        if (fail) throw down;
        return this.name;
      }
    }

    it('has a breaker of its own', async () => {
      const [one, other] = [new Mailer(), new Mailer()];
      await expect(one.send(down)).rejects.toBe(down);
      await expect(one.send()).rejects.toBeInstanceOf(CircuitOpenError);
      await expect(other.send()).resolves.toBe('sent');
    });

    it('shares it among its own methods that give one name', async () => {
      const mailer = new Mailer();
      await expect(mailer.print()).rejects.toBe(down);
      await expect(mailer.stamp()).rejects.toMatchObject({ breaker: 'post' });
    });

    it('may be frozen', async () => {
      const mailer = Object.freeze(new Mailer());
      await expect(mailer.send(down)).rejects.toBe(down);
      await expect(mailer.send()).rejects.toBeInstanceOf(CircuitOpenError);
    });

    it('may be nobody: a method that lost its this is guarded as well, apart from instances', async () => {
      const { send } = Mailer.prototype;
      await expect(send.call(undefined as never, down)).rejects.toBe(down);
      await expect(send.call(undefined as never)).rejects.toBeInstanceOf(CircuitOpenError);
      await expect(new Mailer().send()).resolves.toBe('sent');
    });

    it('may be a class, with a static method', () => {
      expect(Mailer.ping(false)).toBe('Mailer');
      expect(() => Mailer.ping(true)).toThrow(down);
      expect(() => Mailer.ping(false)).toThrow(CircuitOpenError);
      expect(Reflect.getMetadata('self:properties_metadata', Function)).toBeUndefined();
    });
  });

  describe('the method it is put on', () => {
    class Cats {
      @SetMetadata('above', 1)
      @HttpCode(204)
      @CircuitBreaker()
      @SetMetadata('below', 2)
      @Header('x-cat', 'yes')
      async find(_id: string, _name: string): Promise<void> {}
    }

    it('keeps its name and length', () => {
      expect(Cats.prototype.find.name).toBe('find');
      expect(Cats.prototype.find).toHaveLength(2);
    });

    it('keeps the metadata of decorators above it and below it', () => {
      const { find } = Cats.prototype;
      expect(Reflect.getMetadata('above', find)).toBe(1);
      expect(Reflect.getMetadata('below', find)).toBe(2);
      expect(Reflect.getMetadata('__httpCode__', find)).toBe(204);
      expect(Reflect.getMetadata('__headers__', find)).toEqual([{ name: 'x-cat', value: 'yes' }]);
    });

    it('must be a method', () => {
      const decorate = CircuitBreaker() as (target: object, key: string, descriptor?: PropertyDescriptor) => void;
      expect(() => decorate({}, 'field')).toThrow(/Put it on a method/);
      expect(() => decorate({}, 'field', { get: () => 1 })).toThrow(RateLimitConfigurationError);
    });
  });

  it('refuses wrong options where it is written', () => {
    expect(() => CircuitBreaker({ failureThreshold: 0 })).toThrow(/circuitBreaker.failureThreshold: received 0/);
    expect(() => CircuitBreaker('')).toThrow(/name/);
  });
});
