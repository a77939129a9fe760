import { install } from '@sinonjs/fake-timers';
import { lastValueFrom, of, Subject, throwError, toArray, type Observable } from 'rxjs';
import { Breaker } from '../../../lib/breaker/breaker.js';
import { CircuitBreakerRegistry } from '../../../lib/breaker/breaker.registry.js';
import { CircuitBreaker, type CircuitBreakerDecoratorOptions } from '../../../lib/breaker/circuit-breaker.decorator.js';
import { DeadlineExceededError } from '../../../lib/contracts/errors.js';
import { Test } from '@nestjs/testing';
import { manualClock } from '../../support/manual-clock.js';
import { expectNoUnhandled } from '../../support/unhandled.js';

const down = new Error('down');

/** Tells a source what to do: its values come when they are told, and so does its end. */
class Script {
  readonly values = new Subject<string>();
  readonly log: string[] = [];

  async *read(): AsyncGenerator<string, string, string> {
    const queue: (() => Promise<string>)[] = [];
    let wake = (): void => undefined;
    const push = (step: () => Promise<string>): void => {
      queue.push(step);
      wake();
    };
    let ended = false;
    this.values.subscribe({
      next: (value) => push(async () => value),
      error: (error: unknown) => push(() => Promise.reject(error as Error)),
      complete: () => {
        ended = true;
        wake();
      },
    });
    this.log.push('opened');
    try {
      for (;;) {
        const step = queue.shift();
        if (step !== undefined) yield await step();
        else if (ended) return 'the end';
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      this.log.push('closed');
    }
  }
}

type Kind = 'an Observable' | 'an async generator' | 'a promise of an async iterable' | 'a promise of an Observable';
const KINDS: readonly Kind[] = [
  'an Observable',
  'an async generator',
  'a promise of an async iterable',
  'a promise of an Observable',
];

/** One consumer of a stream, whatever kind it is: what it got, and a way to leave. */
class Reader {
  readonly got: string[] = [];
  error: unknown;
  done = false;
  leave: () => void = () => undefined;

  constructor(stream: unknown) {
    void this.read(stream).then(
      () => (this.done = true),
      (error: unknown) => (this.error = error),
    );
  }

  private async read(answer: unknown): Promise<void> {
    const stream = (await answer) as Observable<string> | AsyncIterable<string>;
    if ('subscribe' in stream) {
      await new Promise<void>((resolve, reject) => {
        const subscription = stream.subscribe({
          next: (value) => this.got.push(value),
          error: reject,
          complete: resolve,
        });
        this.leave = () => subscription.unsubscribe();
      });
      return;
    }
    const iterator = stream[Symbol.asyncIterator]();
    this.leave = () => void iterator.return?.().catch(() => undefined);
    for (let step = await iterator.next(); step.done !== true; step = await iterator.next()) this.got.push(step.value);
  }
}

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

async function feedOf(kind: Kind, options: CircuitBreakerDecoratorOptions = {}) {
  const clock = manualClock();
  const script = new Script();
  class Feed {
    open(fail?: Error): unknown {
      if (fail !== undefined) {
        if (kind === 'an Observable') return throwError(() => fail);
        if (kind !== 'an async generator') return Promise.reject(fail);
      }
      switch (kind) {
        case 'an Observable':
          return script.values;
        case 'a promise of an Observable':
          return Promise.resolve(script.values);
        case 'a promise of an async iterable':
          return Promise.resolve(script.read());
        case 'an async generator':
          return script.read();
      }
    }
  }
  const descriptor = Object.getOwnPropertyDescriptor(Feed.prototype, 'open') as PropertyDescriptor;
  const decorate = CircuitBreaker({ failureThreshold: 1, jitter: 0, clock, ...options });
  decorate(Feed.prototype, 'open', descriptor);
  Object.defineProperty(Feed.prototype, 'open', descriptor);
  const module = await Test.createTestingModule({ providers: [Feed, CircuitBreakerRegistry] }).compile();
  const breaker = module.get(CircuitBreakerRegistry).get('Feed.open') as Breaker;
  const feed = module.get(Feed);
  return {
    clock,
    script,
    breaker,
    open: () => new Reader(feed.open()),
    /** Opens the circuit, and waits until a probe is due. */
    trip: async () => {
      breaker.tryAcquire()?.failure(down);
      clock.advance(breaker.status().retryAfterMs);
    },
  };
}

describe.each(KINDS)('%s', (kind) => {
  it('as a probe has its verdict with the first value: the circuit is closed while it streams on', async () => {
    const { breaker, script, open, trip, clock } = await feedOf(kind);
    await trip();
    const probe = open();
    await turns();
    expect(breaker.status().state).toBe('half-open');
    script.values.next('one');
    await turns();
    expect(breaker.status()).toMatchObject({ state: 'closed', lateOutcomes: 0 });
    clock.advance(3_600_000);
    script.values.next('two');
    await turns();
    expect(breaker.status()).toMatchObject({ state: 'closed', tripCount: 1 });
    script.values.complete();
    await turns();
    expect(probe).toMatchObject({ got: ['one', 'two'], done: true });
    expect(breaker.status()).toMatchObject({ state: 'closed', failureCount: 0, tripCount: 1, lateOutcomes: 0 });
  });

  it('as a probe has its verdict with its end, if it has no value', async () => {
    const { breaker, script, open, trip } = await feedOf(kind);
    await trip();
    open();
    await turns();
    script.values.complete();
    await turns();
    expect(breaker.status().state).toBe('closed');
  });

  it('as a probe fails with an error before the first value', async () => {
    const { breaker, script, open, trip } = await feedOf(kind);
    await trip();
    const probe = open();
    await turns();
    script.values.error(down);
    await turns();
    expect(probe.error).toBe(down);
    expect(breaker.status()).toMatchObject({ state: 'open', tripCount: 2 });
  });

  it('after its verdict as a probe counts its error in the closed circuit that it made', async () => {
    const { breaker, script, open, trip } = await feedOf(kind);
    await trip();
    open();
    await turns();
    breaker.configure({ failureThreshold: 2 });
    script.values.next('one');
    await turns();
    script.values.error(down);
    await turns();
    expect(breaker.status()).toMatchObject({ state: 'closed', failureCount: 1, lateOutcomes: 0 });
  });

  it('after its verdict as a probe is late once that circuit is gone', async () => {
    const { breaker, script, open, trip } = await feedOf(kind);
    await trip();
    open();
    await turns();
    script.values.next('one');
    await turns();
    breaker.reset();
    script.values.error(down);
    await turns();
    expect(breaker.status()).toMatchObject({ state: 'closed', failureCount: 0, lateOutcomes: 1 });
  });

  it('as one of several probes frees its slot, counts once, and opens the circuit if it fails meanwhile', async () => {
    const { breaker, script, open, trip } = await feedOf(kind, { successThreshold: 2 });
    await trip();
    open();
    await turns();
    expect(breaker.tryAcquire()).toBeUndefined();
    script.values.next('one');
    script.values.next('two');
    await turns();
    expect(breaker.status().state).toBe('half-open');
    expect(breaker.tryAcquire()).toBeDefined();
    script.values.error(down);
    await turns();
    expect(breaker.status()).toMatchObject({ state: 'open', tripCount: 2 });
  });

  it('while closed is one call: its values end no run of failures, its end does', async () => {
    const { breaker, script, open } = await feedOf(kind, { failureThreshold: 3 });
    breaker.tryAcquire()?.failure(down);
    open();
    await turns();
    script.values.next('one');
    script.values.next('two');
    await turns();
    expect(breaker.status().failureCount).toBe(1);
    script.values.complete();
    await turns();
    expect(breaker.status().failureCount).toBe(0);
  });

  it('while closed fails with an error at any time', async () => {
    const { breaker, script, open } = await feedOf(kind, { failureThreshold: 2 });
    const reader = open();
    await turns();
    script.values.next('one');
    await turns();
    script.values.error(down);
    await turns();
    expect(reader).toMatchObject({ got: ['one'], error: down });
    expect(breaker.status().failureCount).toBe(1);
  });

  it.each([
    ['with a value in hand is a success', ['one'], 0],
    ['before the first value is no verdict', [], 1],
  ])('left %s', async (_what, values, failureCount) => {
    const { breaker, script, open } = await feedOf(kind, { failureThreshold: 3 });
    breaker.tryAcquire()?.failure(down);
    const reader = open();
    await turns();
    values.forEach((value) => script.values.next(value));
    await turns();
    reader.leave();
    await turns();
    expect(breaker.status().failureCount).toBe(failureCount);
  });

  it('left before the first value frees the slot of a probe', async () => {
    const { breaker, open, trip } = await feedOf(kind);
    await trip();
    const reader = open();
    await turns();
    reader.leave();
    await turns();
    expect(breaker.status().state).toBe('half-open');
    expect(breaker.tryAcquire()).toBeDefined();
  });

  describe('under callTimeout', () => {
    let timers: ReturnType<typeof install>;
    beforeEach(() => {
      timers = install({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
    });
    afterEach(() => timers.uninstall());

    it('is waited for until its first value, and no longer', async () => {
      const { breaker, script, open } = await feedOf(kind, { callTimeout: '2s' });
      const reader = open();
      await turns();
      timers.tick(1_999);
      script.values.next('one');
      await turns();
      expect(timers.countTimers()).toBe(0);
      timers.tick(60_000);
      script.values.next('two');
      script.values.complete();
      await turns();
      expect(reader).toMatchObject({ got: ['one', 'two'], done: true });
      expect(breaker.status().state).toBe('closed');
    });

    it('fails without a first value', async () => {
      const { breaker, open } = await feedOf(kind, { callTimeout: '2s' });
      const reader = open();
      await turns();
      timers.tick(2_000);
      await turns();
      expect(reader.error).toBeInstanceOf(DeadlineExceededError);
      expect(breaker.status().state).toBe('open');
      expect(timers.countTimers()).toBe(0);
    });
  });

  it('that is rejected asks nothing, and says so to who reads it', async () => {
    const { breaker, script, open } = await feedOf(kind);
    // How a method answers is learned from its first answer, where its declaration does not tell.
    const first = open();
    await turns();
    first.leave();
    await turns();
    script.log.length = 0;
    breaker.forceOpen();
    const reader = open();
    await turns();
    expect(reader.error).toMatchObject({ code: 'CIRCUIT_OPEN', breaker: 'Feed.open' });
    expect(script.log).toEqual([]);
    if (kind.endsWith('Observable')) expect(script.values.observed).toBe(false);
  });

  it('has its first value judged by isFailureResult', async () => {
    const { breaker, script, open } = await feedOf(kind, { isFailureResult: (value) => value === 'busy' });
    const reader = open();
    await turns();
    script.values.next('busy');
    await turns();
    expect(reader.got).toEqual(['busy']);
    expect(breaker.status().state).toBe('open');
  });

  it('is answered by the fallback, before the first value and after it', async () => {
    const { breaker, script, open } = await feedOf(kind, { failureThreshold: 2, fallback: async () => 'spare' });
    const reader = open();
    await turns();
    script.values.next('one');
    await turns();
    script.values.error(down);
    await turns();
    expect(reader).toMatchObject({ got: ['one', 'spare'], done: true });
    breaker.forceOpen();
    if (kind.startsWith('a promise')) return;
    const rejected = open();
    await turns();
    expect(rejected).toMatchObject({ got: ['spare'], done: true });
  });

  it('is slow if its first value is, and not for streaming on', async () => {
    const trip = { kind: 'slow', slowCall: '1s', slowRate: 1, minimumCalls: 1, window: '1h' } as const;
    const { breaker, script, open, clock } = await feedOf(kind, { trip });
    open();
    await turns();
    script.values.next('one');
    await turns();
    clock.advance(60_000);
    script.values.complete();
    await turns();
    expect(breaker.status()).toMatchObject({ state: 'closed', failureCount: 0 });
  });
});

describe('an async generator behind a breaker', () => {
  class Model {
    readonly log: string[] = [];

    @CircuitBreaker({ failureThreshold: 2 })
    async *tokens(count: number, fail?: Error): AsyncGenerator<string, string, string | undefined> {
      this.log.push('begun');
      try {
        for (let index = 0; index < count; index += 1) {
          const told = yield `token ${index}`;
          if (told !== undefined) this.log.push(told);
        }
        if (fail !== undefined) throw fail;
        return 'whole';
      } catch (error) {
        this.log.push(`caught ${(error as Error).message}`);
        throw error;
      } finally {
        this.log.push('cleaned');
      }
    }
  }

  it('trips, each iteration being a call', async () => {
    const model = new Model();
    const read = async (): Promise<string[]> => {
      const got: string[] = [];
      for await (const token of model.tokens(1, down)) got.push(token);
      return got;
    };
    await expect(read()).rejects.toBe(down);
    await expect(read()).rejects.toBe(down);
    await expect(read()).rejects.toMatchObject({ code: 'CIRCUIT_OPEN' });
    expect(model.log.filter((entry) => entry === 'begun')).toHaveLength(2);
  });

  it('begins with the first next, and is rejected there, not where it is called', async () => {
    const model = new Model();
    const early = model.tokens(1);
    expect(model.log).toEqual([]);
    for (let count = 0; count < 2; count += 1) await expect(model.tokens(0, down).next()).rejects.toBe(down);
    const rejected = model.tokens(1);
    await expect(rejected.next()).rejects.toMatchObject({ code: 'CIRCUIT_OPEN' });
    await expect(rejected.next()).resolves.toEqual({ done: true, value: undefined });
    await expect(early.next()).rejects.toMatchObject({ code: 'CIRCUIT_OPEN' });
  });

  it('is a generator still: itself its iterator, with what it returns and is told', async () => {
    const model = new Model();
    const tokens = model.tokens(2);
    expect(tokens[Symbol.asyncIterator]()).toBe(tokens);
    expect(Object.prototype.toString.call(tokens)).toBe('[object AsyncGenerator]');
    await expect(tokens.next()).resolves.toEqual({ done: false, value: 'token 0' });
    await expect(tokens.next('more')).resolves.toEqual({ done: false, value: 'token 1' });
    await expect(tokens.next()).resolves.toEqual({ done: true, value: 'whole' });
    expect(model.log).toEqual(['begun', 'more', 'cleaned']);
  });

  it('answers concurrent reads in their order', async () => {
    const tokens = new Model().tokens(2);
    await expect(Promise.all([tokens.next(), tokens.next(), tokens.next()])).resolves.toEqual([
      { done: false, value: 'token 0' },
      { done: false, value: 'token 1' },
      { done: true, value: 'whole' },
    ]);
  });

  it('cleans up after break, return() and throw()', async () => {
    const model = new Model();
    for await (const token of model.tokens(3)) if (token === 'token 1') break;
    expect(model.log.splice(0)).toEqual(['begun', 'cleaned']);
    const returned = model.tokens(3);
    await returned.next();
    await expect(returned.return('enough')).resolves.toEqual({ done: true, value: 'enough' });
    await expect(returned.next()).resolves.toEqual({ done: true, value: undefined });
    expect(model.log.splice(0)).toEqual(['begun', 'cleaned']);
    const thrown = model.tokens(3);
    await thrown.next();
    await expect(thrown.throw(new Error('gone'))).rejects.toThrow('gone');
    expect(model.log).toEqual(['begun', 'caught gone', 'cleaned']);
  });

  it('returned before it begins, makes no call', async () => {
    const model = new Model();
    const tokens = model.tokens(3);
    await expect(tokens.return('none')).resolves.toEqual({ done: true, value: 'none' });
    await expect(tokens.next()).resolves.toEqual({ done: true, value: undefined });
    expect(model.log).toEqual([]);
  });

  it('takes what its reader throws into it for no failure, and what it throws instead for one', async () => {
    class Translating {
      @CircuitBreaker({ failureThreshold: 1 })
      async *read(translate: boolean): AsyncGenerator<number> {
        try {
          yield 1;
        } catch (error) {
          throw translate ? down : error;
        }
      }
    }
    const translating = new Translating();
    for (let count = 0; count < 2; count += 1) {
      const stream = translating.read(false);
      await stream.next();
      await expect(stream.throw(new Error('gone'))).rejects.toThrow('gone');
    }
    const stream = translating.read(true);
    await stream.next();
    await expect(stream.throw(new Error('gone'))).rejects.toBe(down);
    await expect(translating.read(true).next()).rejects.toMatchObject({ code: 'CIRCUIT_OPEN' });
  });

  it('goes on with all values of a fallback that is a generator, and once only', async () => {
    class Model {
      @CircuitBreaker({ fallback: 'canned' })
      async *tokens(): AsyncGenerator<string> {
        yield 'live';
        throw down;
      }
      async *canned(error: Error): AsyncGenerator<string> {
        yield `after ${error.message}`;
        throw new Error('empty');
      }
    }
    const got: string[] = [];
    const read = async (): Promise<void> => {
      for await (const token of new Model().tokens()) got.push(token);
    };
    await expectNoUnhandled(() => expect(read()).rejects.toThrow('empty'));
    expect(got).toEqual(['live', 'after down']);
  });
});

describe('reads of an async generator that wait together', () => {
  it('are all answered when its first value does not come', async () => {
    const never = new Promise<never>(() => undefined);
    class Models {
      @CircuitBreaker({ callTimeout: 20 })
      async *hung(): AsyncGenerator<string> {
        yield await never;
      }
      @CircuitBreaker({ callTimeout: 20, fallback: () => ['a', 'b'] })
      async *spared(): AsyncGenerator<string> {
        yield await never;
      }
    }
    const models = new Models();
    const hung = models.hung();
    const errors = await Promise.allSettled([hung.next(), hung.next()]);
    expect(errors.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    const spared = models.spared();
    await expect(Promise.all([spared.next(), spared.next(), spared.next()])).resolves.toEqual([
      { done: false, value: 'a' },
      { done: false, value: 'b' },
      { done: true, value: undefined },
    ]);
  });
});

describe('an async iterable that is more than that', () => {
  class Answer {
    readonly #tokens = ['a', 'b'];
    readonly model = 'small';
    async *[Symbol.asyncIterator](): AsyncGenerator<string> {
      yield* this.#tokens;
    }
    count(): number {
      return this.#tokens.length;
    }
  }
  class Client {
    @CircuitBreaker({ failureThreshold: 1 })
    async ask(): Promise<Answer> {
      return new Answer();
    }
    @CircuitBreaker({ failureThreshold: 1 })
    read(answer: AsyncIterable<string>): AsyncIterable<string> {
      return answer;
    }
  }
  const all = async (stream: AsyncIterable<string>): Promise<string[]> => {
    const got: string[] = [];
    for await (const value of stream) got.push(value);
    return got;
  };

  it('stays what it is, and each of its iterations is a call', async () => {
    const answer = await new Client().ask();
    expect(answer).toBeInstanceOf(Answer);
    expect(answer.model).toBe('small');
    expect(answer.count()).toBe(2);
    await expect(all(answer)).resolves.toEqual(['a', 'b']);
    await expect(all(answer)).resolves.toEqual(['a', 'b']);
  });

  it('may be a cursor, whose next answers a row', async () => {
    class Cursor {
      private readonly rows = ['a', 'b', 'c'];
      async next(): Promise<string | null> {
        return this.rows.shift() ?? null;
      }
      async *[Symbol.asyncIterator](): AsyncGenerator<string> {
        for (let row = await this.next(); row !== null; row = await this.next()) yield row;
      }
    }
    const cursor = new Client().read(new Cursor()) as Cursor;
    await expect(cursor.next()).resolves.toBe('a');
    await expect(all(cursor)).resolves.toEqual(['b', 'c']);
    await expect(cursor.next()).resolves.toBeNull();
  });

  it('may be answered without a promise, frozen, and again and again', async () => {
    const client = new Client();
    const answer = Object.freeze(new Answer());
    await expect(all(client.read(answer))).resolves.toEqual(['a', 'b']);
    await expect(all(client.read(answer))).resolves.toEqual(['a', 'b']);
    const broken = client.read({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(down) }) });
    await expect(all(broken)).rejects.toBe(down);
    await expect(all(client.read(answer))).rejects.toMatchObject({ code: 'CIRCUIT_OPEN' });
  });
});

describe('an Observable behind a breaker', () => {
  it('hands on a result that is a failure to the fallback', async () => {
    class Http {
      @CircuitBreaker({
        isFailureResult: (value) => (value as { status: number }).status === 503,
        fallback: () => of('spare'),
      })
      get(): Observable<unknown> {
        return of({ status: 503 }, { status: 200 });
      }
    }
    await expect(lastValueFrom(new Http().get().pipe(toArray()))).resolves.toEqual(['spare']);
  });
});
