import { firstValueFrom, lastValueFrom, of, timer, toArray, type Observable } from 'rxjs';
import { Breaker } from '../../../lib/breaker/breaker.js';
import { GuardedMethod } from '../../../lib/breaker/guarded-method.js';
import type { Recovery } from '../../../lib/breaker/guarded-call.js';
import { Rejecting } from '../../../lib/breaker/rejecting.thenable.js';
import type { ResultShape } from '../../../lib/breaker/result.shape.js';

const down = new Error('down');

/** Calls a method behind a breaker that opens at the first failure. */
function guarded(method: (...args: unknown[]) => unknown, shape: ResultShape = 'value', recovery?: Recovery) {
  const breaker = new Breaker({ failureThreshold: 1, isFailureResult: (value) => value === 503 });
  const guard = new GuardedMethod(method, shape, recovery);
  return { breaker, call: (...args: unknown[]) => guard.call({ breaker, self: 'self', args }) };
}

describe('a method that answers an async iterable', () => {
  it('and was rejected is asked at the first read, once the circuit is closed again', async () => {
    const asked: unknown[] = [];
    const { breaker, call } = guarded((...args) => {
      asked.push(args);
      return {
        async *[Symbol.asyncIterator]() {
          yield 'a';
        },
      };
    }, 'value');
    call('first');
    breaker.forceOpen();
    const rejected = call('second') as AsyncIterable<string>;
    await expect(rejected[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'CIRCUIT_OPEN' });
    breaker.enable();
    const got: string[] = [];
    for await (const value of rejected) got.push(value);
    expect([got, asked]).toEqual([['a'], [['first'], ['second']]]);
  });
});

describe('a method that answers an Observable', () => {
  it('has its first value judged, and no later one', async () => {
    const { call } = guarded(
      () => of(200, 503, 200),
      'observable',
      () => of('spare'),
    );
    await expect(lastValueFrom((call() as Observable<unknown>).pipe(toArray()))).resolves.toEqual([200, 503, 200]);
  });

  it('is waited for as long as it takes, without a deadline', async () => {
    const { breaker, call } = guarded(() => timer(5), 'observable');
    await expect(firstValueFrom(call() as Observable<unknown>)).resolves.toBe(0);
    expect(breaker.status().state).toBe('closed');
  });
});

describe('a call of execute', () => {
  it('that answers at once is settled at once', () => {
    const breaker = new Breaker();
    breaker.tryAcquire()?.failure(down);
    void breaker.execute(() => 'now');
    expect(breaker.status().failureCount).toBe(0);
  });

  it('whose answer merely has a then has failed if that rejects', async () => {
    const breaker = new Breaker();
    const thenable: PromiseLike<never> = {
      then: (resolved, rejected) => Promise.reject(down).then(resolved, rejected),
    };
    await expect(breaker.execute(() => thenable)).rejects.toBe(down);
    expect(breaker.status().failureCount).toBe(1);
  });

  it.each([null, undefined, 0, { then: 1 }])('may answer %j', async (answer) => {
    await expect(new Breaker().execute(() => answer)).resolves.toBe(answer);
  });
});

describe('a stream under the rule of slow calls', () => {
  const slow = { kind: 'slow', slowCall: 100, slowRate: 1, minimumCalls: 1, window: '1h' } as const;

  it.each([
    [99, 'closed'],
    [100, 'open'],
  ])('whose first value took %s ms leaves the circuit %s at its end', (firstMs, state) => {
    let nowMs = 0;
    const breaker = new Breaker({ trip: slow, clock: () => nowMs });
    const permit = breaker.acquire();
    nowMs += firstMs;
    expect(permit?.firstValue('first')).toBe(true);
    expect(breaker.status().state).toBe('closed');
    nowMs += 5_000;
    permit?.success();
    expect(breaker.status().state).toBe(state);
  });
});

it('what only rejects can be told nobody', () => {
  const rejecting = new Rejecting(down);
  expect(rejecting.then()).toBe(rejecting);
});
