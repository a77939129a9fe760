var __decorate = (this && this.__decorate) || function (decorators, target, key, desc) {
    var c = arguments.length, r = c < 3 ? target : desc === null ? desc = Object.getOwnPropertyDescriptor(target, key) : desc, d;
    if (typeof Reflect === "object" && typeof Reflect.decorate === "function") r = Reflect.decorate(decorators, target, key, desc);
    else for (var i = decorators.length - 1; i >= 0; i--) if (d = decorators[i]) r = (c < 3 ? d(r) : c > 3 ? d(target, key, r) : d(target, key)) || r;
    return c > 3 && r && Object.defineProperty(target, key, r), r;
};
var __metadata = (this && this.__metadata) || function (k, v) {
    if (typeof Reflect === "object" && typeof Reflect.metadata === "function") return Reflect.metadata(k, v);
};
import { ConflictException, Header, HttpCode, Injectable, InternalServerErrorException, SetMetadata } from '@nestjs/common';
import { EMPTY, firstValueFrom, from, lastValueFrom, NEVER, Observable, of, Subject, throwError } from 'rxjs';
import { CircuitBreakerRegistry } from '../../../lib/breaker/breaker.registry.js';
import { CircuitBreaker } from '../../../lib/breaker/circuit-breaker.decorator.js';
import { CircuitOpenError, DeadlineExceededError, RateLimitConfigurationError } from '../../../lib/contracts/errors.js';
import { Test } from '@nestjs/testing';
import { expectNoUnhandled } from '../../support/unhandled.js';
const down = new Error('down');
/** An instance that Nest made, and the registry of its application. */
async function injected(type) {
    const module = await Test.createTestingModule({ providers: [type, CircuitBreakerRegistry] }).compile();
    return { instance: module.get(type), registry: module.get(CircuitBreakerRegistry) };
}
function only(registry) {
    const [status, ...others] = Object.values(registry.getAllStatus());
    if (status === undefined || others.length > 0)
        throw new Error('expected one breaker');
    return status;
}
describe('@CircuitBreaker', () => {
    describe('on an asynchronous method', () => {
        let Quotes = class Quotes {
            calls = 0;
            prefix = 'quote of';
            async quote(symbol, fail = false) {
                this.calls += 1;
                if (fail)
                    throw down;
                return `${this.prefix} ${symbol}`;
            }
        };
        __decorate([
            CircuitBreaker({ failureThreshold: 2 }),
            __metadata("design:type", Function),
            __metadata("design:paramtypes", [String, Object]),
            __metadata("design:returntype", Promise)
        ], Quotes.prototype, "quote", null);
        Quotes = __decorate([
            Injectable()
        ], Quotes);
        it('takes this and the arguments of each call', async () => {
            const { instance } = await injected(Quotes);
            await expect(Promise.all([instance.quote('a'), instance.quote('b')])).resolves.toEqual(['quote of a', 'quote of b']);
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
            parse(text) {
                return JSON.parse(text);
            }
        }
        __decorate([
            CircuitBreaker({ failureThreshold: 1 }),
            __metadata("design:type", Function),
            __metadata("design:paramtypes", [String]),
            __metadata("design:returntype", Object)
        ], Parser.prototype, "parse", null);
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
                get() {
                    return Promise.resolve('ok');
                }
            }
            __decorate([
                CircuitBreaker(),
                __metadata("design:type", Function),
                __metadata("design:paramtypes", []),
                __metadata("design:returntype", Promise)
            ], Client.prototype, "get", null);
            const { instance, registry } = await injected(Client);
            registry.get('Client.get')?.forceOpen();
            await expect(instance.get()).rejects.toBeInstanceOf(CircuitOpenError);
        });
        it('rejects by a promise, known from an earlier result', async () => {
            class Client {
                get() {
                    return Promise.reject(down);
                }
            }
            __decorate([
                CircuitBreaker({ failureThreshold: 1 }),
                __metadata("design:type", Function),
                __metadata("design:paramtypes", []),
                __metadata("design:returntype", Object)
            ], Client.prototype, "get", null);
            const client = new Client();
            await expect(client.get()).rejects.toBe(down);
            await expect(client.get()).rejects.toBeInstanceOf(CircuitOpenError);
        });
    });
    describe('on a method that answers an Observable', () => {
        let source;
        let subscriptions = 0;
        let Feed = class Feed {
            open() {
                return new Observable((subscriber) => {
                    subscriptions += 1;
                    return source.subscribe(subscriber);
                });
            }
        };
        __decorate([
            CircuitBreaker({ failureThreshold: 2 }),
            __metadata("design:type", Function),
            __metadata("design:paramtypes", []),
            __metadata("design:returntype", Observable)
        ], Feed.prototype, "open", null);
        Feed = __decorate([
            Injectable()
        ], Feed);
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
            if (failuresLeft === 1)
                feed.subscribe().unsubscribe();
            else
                await firstValueFrom(feed, { defaultValue: 0 });
            expect(only(registry).failureCount).toBe(failuresLeft);
        });
        it('takes its slot with the subscription and gives it back with the end of it', async () => {
            const { instance, registry } = await injected(Feed);
            registry.configure('Feed.open', { failureThreshold: 1, recoveryTimeout: 1, backoffMax: 1, jitter: 1, random: () => 1 });
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
                open() {
                    return new Observable(() => () => {
                        stopped = true;
                    });
                }
            }
            __decorate([
                CircuitBreaker({ callTimeout: 5, failureThreshold: 1 }),
                __metadata("design:type", Function),
                __metadata("design:paramtypes", []),
                __metadata("design:returntype", Observable)
            ], Slow.prototype, "open", null);
            const slow = new Slow();
            await expect(lastValueFrom(slow.open())).rejects.toBeInstanceOf(DeadlineExceededError);
            expect(stopped).toBe(true);
            await expect(lastValueFrom(slow.open())).rejects.toBeInstanceOf(CircuitOpenError);
        });
    });
    describe('callTimeout', () => {
        it('fails a promise that takes longer', async () => {
            class Slow {
                async get() {
                    return new Promise(() => undefined);
                }
            }
            __decorate([
                CircuitBreaker({ callTimeout: 5, failureThreshold: 1 }),
                __metadata("design:type", Function),
                __metadata("design:paramtypes", []),
                __metadata("design:returntype", Promise)
            ], Slow.prototype, "get", null);
            const slow = new Slow();
            await expect(slow.get()).rejects.toBeInstanceOf(DeadlineExceededError);
            await expect(slow.get()).rejects.toBeInstanceOf(CircuitOpenError);
        });
    });
    describe('fallback', () => {
        it('by name: a method of the instance, with the error first and the arguments after it', async () => {
            class Quotes {
                cache = new Map([['a', 1]]);
                async quote(_symbol) {
                    throw down;
                }
                cached(error, symbol) {
                    return `${this.cache.get(symbol)} after ${error.message}`;
                }
            }
            __decorate([
                CircuitBreaker({ failureThreshold: 1, fallback: 'cached' }),
                __metadata("design:type", Function),
                __metadata("design:paramtypes", [String]),
                __metadata("design:returntype", Promise)
            ], Quotes.prototype, "quote", null);
            const quotes = new Quotes();
            await expect(quotes.quote('a')).resolves.toBe('1 after down');
            await expect(quotes.quote('a')).resolves.toBe("1 after Circuit 'Quotes.quote' is open");
        });
        it('by function: with this, asynchronous or not', async () => {
            class Quotes {
                offline = 'offline';
                async quote(_symbol) {
                    throw down;
                }
            }
            __decorate([
                CircuitBreaker({
                    failureThreshold: 1,
                    async fallback(error, symbol) {
                        return [this.offline, error.message, symbol];
                    },
                }),
                __metadata("design:type", Function),
                __metadata("design:paramtypes", [String]),
                __metadata("design:returntype", Promise)
            ], Quotes.prototype, "quote", null);
            await expect(new Quotes().quote('a')).resolves.toEqual(['offline', 'down', 'a']);
        });
        it('of a synchronous method answers at once', () => {
            class Parser {
                parse(text) {
                    return JSON.parse(text);
                }
            }
            __decorate([
                CircuitBreaker({ failureThreshold: 1, fallback: () => 'nothing' }),
                __metadata("design:type", Function),
                __metadata("design:paramtypes", [String]),
                __metadata("design:returntype", Object)
            ], Parser.prototype, "parse", null);
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
                open() {
                    return throwError(() => down);
                }
            }
            __decorate([
                CircuitBreaker({ failureThreshold: 1, fallback }),
                __metadata("design:type", Function),
                __metadata("design:paramtypes", []),
                __metadata("design:returntype", Observable)
            ], Feed.prototype, "open", null);
            const feed = new Feed();
            await expect(lastValueFrom(feed.open())).resolves.toBe('spare');
            await expect(lastValueFrom(feed.open())).resolves.toBe('spare');
        });
        it('does not answer for an error that is no failure', async () => {
            class Shop {
                async buy() {
                    throw new ConflictException('sold out');
                }
            }
            __decorate([
                CircuitBreaker({ fallback: () => 'spare' }),
                __metadata("design:type", Function),
                __metadata("design:paramtypes", []),
                __metadata("design:returntype", Promise)
            ], Shop.prototype, "buy", null);
            await expect(new Shop().buy()).rejects.toThrow('sold out');
        });
        it('that fails itself is heard by the caller alone', async () => {
            class Quotes {
                async quote() {
                    throw down;
                }
            }
            __decorate([
                CircuitBreaker({ failureThreshold: 2, fallback: () => Promise.reject(new Error('no cache')) }),
                __metadata("design:type", Function),
                __metadata("design:paramtypes", []),
                __metadata("design:returntype", Promise)
            ], Quotes.prototype, "quote", null);
            const { instance, registry } = await injected(Quotes);
            await expectNoUnhandled(() => expect(instance.quote()).rejects.toThrow('no cache'));
            expect(only(registry)).toMatchObject({ state: 'closed', failureCount: 1 });
            registry.get('Quotes.quote')?.forceOpen();
            await expectNoUnhandled(() => expect(instance.quote()).rejects.toThrow('no cache'));
        });
        it('that does not exist is found when Nest makes the instance, or at the first call', async () => {
            class Quotes {
                async quote() {
                    return 'ok';
                }
            }
            __decorate([
                CircuitBreaker({ fallback: 'chached' }),
                __metadata("design:type", Function),
                __metadata("design:paramtypes", []),
                __metadata("design:returntype", Promise)
            ], Quotes.prototype, "quote", null);
            await expect(injected(Quotes)).rejects.toThrow(RateLimitConfigurationError);
            await expect(async () => new Quotes().quote()).rejects.toThrow(/fallback: received 'chached'/);
        });
    });
    describe('failures', () => {
        class Shop {
            async buy(error) {
                throw error;
            }
            async sell(error) {
                throw error;
            }
        }
        __decorate([
            CircuitBreaker({ failureThreshold: 1 }),
            __metadata("design:type", Function),
            __metadata("design:paramtypes", [Object]),
            __metadata("design:returntype", Promise)
        ], Shop.prototype, "buy", null);
        __decorate([
            CircuitBreaker({ failureThreshold: 1, isFailure: (error) => error instanceof ConflictException }),
            __metadata("design:type", Function),
            __metadata("design:paramtypes", [Object]),
            __metadata("design:returntype", Promise)
        ], Shop.prototype, "sell", null);
        it('are not the HttpExceptions below 500, which are answers', async () => {
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
                async pay() {
                    throw down;
                }
                async refund() {
                    return 'ok';
                }
            }
            __decorate([
                CircuitBreaker({ name: 'payments', failureThreshold: 1 }),
                __metadata("design:type", Function),
                __metadata("design:paramtypes", []),
                __metadata("design:returntype", Promise)
            ], Orders.prototype, "pay", null);
            __decorate([
                CircuitBreaker('payments'),
                __metadata("design:type", Function),
                __metadata("design:paramtypes", []),
                __metadata("design:returntype", Promise)
            ], Orders.prototype, "refund", null);
            const { instance, registry } = await injected(Orders);
            expect(only(registry).failureThreshold).toBe(1);
            await expect(instance.pay()).rejects.toBe(down);
            await expect(instance.refund()).rejects.toMatchObject({ breaker: 'payments' });
        });
        it('given twice with different options are refused when the application starts', async () => {
            class Orders {
                async pay() { }
                async refund() { }
            }
            __decorate([
                CircuitBreaker({ name: 'payments', failureThreshold: 1 }),
                __metadata("design:type", Function),
                __metadata("design:paramtypes", []),
                __metadata("design:returntype", Promise)
            ], Orders.prototype, "pay", null);
            __decorate([
                CircuitBreaker({ name: 'payments', failureThreshold: 2 }),
                __metadata("design:type", Function),
                __metadata("design:paramtypes", []),
                __metadata("design:returntype", Promise)
            ], Orders.prototype, "refund", null);
            await expect(injected(Orders)).rejects.toThrow(/circuitBreaker 'payments'/);
        });
        it('of two classes that are called alike are not shared', async () => {
            const make = () => {
                class Cats {
                    async find() { }
                }
                __decorate([
                    CircuitBreaker(),
                    __metadata("design:type", Function),
                    __metadata("design:paramtypes", []),
                    __metadata("design:returntype", Promise)
                ], Cats.prototype, "find", null);
                return Cats;
            };
            const [one, other] = [make(), make()];
            const module = await Test.createTestingModule({ providers: [one, other, CircuitBreakerRegistry] }).compile();
            expect(Object.keys(module.get(CircuitBreakerRegistry).getAllStatus())).toEqual(['Cats.find', 'Cats.find#2']);
        });
        it('of an inherited method are those of the class that declares it', async () => {
            class Base {
                async find() {
                    return this.constructor.name;
                }
            }
            __decorate([
                CircuitBreaker(),
                __metadata("design:type", Function),
                __metadata("design:paramtypes", []),
                __metadata("design:returntype", Promise)
            ], Base.prototype, "find", null);
            class Cats extends Base {
                async feed() {
                    return 'fed';
                }
            }
            __decorate([
                CircuitBreaker(),
                __metadata("design:type", Function),
                __metadata("design:paramtypes", []),
                __metadata("design:returntype", Promise)
            ], Cats.prototype, "feed", null);
            const { instance, registry } = await injected(Cats);
            await expect(instance.find()).resolves.toBe('Cats');
            await expect(instance.feed()).resolves.toBe('fed');
            expect(Object.keys(registry.getAllStatus()).sort()).toEqual(['Base.find', 'Cats.feed']);
        });
    });
    describe('an instance that Nest did not make', () => {
        class Mailer {
            async send(error) {
                if (error)
                    throw error;
                return 'sent';
            }
            async print() {
                throw down;
            }
            async stamp() { }
            static ping(fail) {
                if (fail)
                    throw down;
                return this.name;
            }
        }
        __decorate([
            CircuitBreaker({ failureThreshold: 1 }),
            __metadata("design:type", Function),
            __metadata("design:paramtypes", [Error]),
            __metadata("design:returntype", Promise)
        ], Mailer.prototype, "send", null);
        __decorate([
            CircuitBreaker({ name: 'post', failureThreshold: 1 }),
            __metadata("design:type", Function),
            __metadata("design:paramtypes", []),
            __metadata("design:returntype", Promise)
        ], Mailer.prototype, "print", null);
        __decorate([
            CircuitBreaker('post'),
            __metadata("design:type", Function),
            __metadata("design:paramtypes", []),
            __metadata("design:returntype", Promise)
        ], Mailer.prototype, "stamp", null);
        __decorate([
            CircuitBreaker({ failureThreshold: 1 }),
            __metadata("design:type", Function),
            __metadata("design:paramtypes", [Boolean]),
            __metadata("design:returntype", String)
        ], Mailer, "ping", null);
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
            await expect(send.call(undefined, down)).rejects.toBe(down);
            await expect(send.call(undefined)).rejects.toBeInstanceOf(CircuitOpenError);
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
            async find(_id, _name) { }
        }
        __decorate([
            SetMetadata('above', 1),
            HttpCode(204),
            CircuitBreaker(),
            SetMetadata('below', 2),
            Header('x-cat', 'yes'),
            __metadata("design:type", Function),
            __metadata("design:paramtypes", [String, String]),
            __metadata("design:returntype", Promise)
        ], Cats.prototype, "find", null);
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
            const decorate = CircuitBreaker();
            expect(() => decorate({}, 'field')).toThrow(/Put it on a method/);
            expect(() => decorate({}, 'field', { get: () => 1 })).toThrow(RateLimitConfigurationError);
        });
    });
    it('refuses wrong options where it is written', () => {
        expect(() => CircuitBreaker({ failureThreshold: 0 })).toThrow(/circuitBreaker.failureThreshold: received 0/);
        expect(() => CircuitBreaker('')).toThrow(/name/);
    });
});
