import { stat } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { withDeadline } from '../../../lib/limiter/deadline.js';
import { GuardedBackend } from '../../../lib/limiter/guarded-backend.js';
import { isInfrastructureError } from '../../../lib/limiter/infrastructure.js';
import type { CircuitBreakerOptions } from '../../../lib/contracts/breaker.js';
import { BackendUnavailableError, CircuitOpenError, DeadlineExceededError } from '../../../lib/contracts/errors.js';
import type { RateLimitEvent } from '../../../lib/contracts/events.js';
import { expectNoUnhandled } from '../../support/unhandled.js';
import { manualClock } from '../../support/manual-clock.js';
import { oneCall, refused, ScriptedBackend, type ScriptedBackendOptions } from './failover/scripted-backend.js';

/** A backend behind a guard whose breaker trips at the second failure, on a clock that the test moves. */
const guarded = (circuitBreaker: CircuitBreakerOptions | false = {}, scripted: ScriptedBackendOptions = {}) =>
  guardedWith(
    circuitBreaker && { failureThreshold: 2, recoveryTimeout: '10s', jitter: 0, ...circuitBreaker },
    scripted,
  );

function guardedWith(circuitBreaker: CircuitBreakerOptions | false, scripted: ScriptedBackendOptions = {}) {
  const clock = manualClock(0);
  const inner = new ScriptedBackend('store', scripted);
  const guard = new GuardedBackend(inner);
  const events: RateLimitEvent[] = [];
  guard.connect({
    circuitBreaker: circuitBreaker && { clock, ...circuitBreaker },
    timeoutMs: 1_000,
    notify: (event) => events.push(event),
  });
  /** The error of one call. */
  const failure = async (timeoutMs = 1_000): Promise<unknown> => {
    try {
      await guard.consume(oneCall({ timeoutMs }));
    } catch (error) {
      return error;
    }
    return undefined;
  };
  return { clock, inner, guard, events, failure };
}

describe.each([
  ['at once', false],
  ['by promises', true],
])('a guard around a backend that answers %s', (_how, async) => {
  it('makes every infrastructure error one unavailable error with its cause', async () => {
    const { inner, failure } = guarded({}, { async });
    const cause = (inner.error = refused());
    expect(await failure()).toMatchObject({ code: 'BACKEND_UNAVAILABLE', backend: 'store', retryAfterMs: 0, cause });
  });

  it('unwraps what a backend of another copy of the package has made unavailable', async () => {
    const { inner, failure } = guarded({}, { async });
    const cause = refused();
    inner.error = Object.assign(new Error('away'), { code: 'BACKEND_UNAVAILABLE', retryAfterMs: 7_000, cause });
    expect(await failure()).toMatchObject({ backend: 'store', retryAfterMs: 7_000, cause });
  });

  it('unwraps what a backend has made unavailable itself', async () => {
    const { inner, failure } = guarded({}, { async });
    const cause = refused();
    inner.error = new BackendUnavailableError({ backend: 'driver', cause });
    expect(await failure()).toMatchObject({ backend: 'store', cause });
  });

  it('opens the circuit, and then asks nothing and tells when the next probe is due', async () => {
    const { inner, failure, clock } = guarded({}, { async });
    inner.error = refused();
    await failure();
    expect(await failure()).toMatchObject({ retryAfterMs: 10_000 });
    inner.drain();
    clock.advance(4_000);
    const rejected = await failure();
    expect(rejected).toMatchObject({ backend: 'store', retryAfterMs: 6_000 });
    expect((rejected as BackendUnavailableError).cause).toBeInstanceOf(CircuitOpenError);
    expect(inner.drain()).toEqual([]);
  });

  it('lets one call try when a probe is due, and goes on if it succeeds', async () => {
    const { inner, failure, clock, guard } = guarded({}, { async });
    inner.error = refused();
    await failure();
    await failure();
    inner.error = undefined;
    clock.advance(10_000);
    expect(await failure()).toBeUndefined();
    expect(guard.isClosed()).toBe(true);
  });

  it.each([
    ['a TypeError', new TypeError('a bug')],
    [
      'a reply of the wrong type',
      Object.assign(new Error('WRONGTYPE Operation against a key'), { name: 'ReplyError' }),
    ],
    ['what is no error at all', 'oops'],
  ])('lets %s propagate as it is, without a verdict on the backend', async (_what, bug) => {
    const { inner, failure, guard, events } = guarded({}, { async });
    inner.error = bug;
    for (let call = 0; call < 10; call += 1) expect(await failure()).toBe(bug);
    expect(guard.breaker!.status()).toMatchObject({ state: 'closed', failureCount: 0 });
    expect(events).toEqual([]);
  });

  it('frees the slot of a probe that met a bug', async () => {
    const { inner, failure, clock } = guarded({}, { async });
    inner.error = refused();
    await failure();
    await failure();
    clock.advance(10_000);
    inner.error = new TypeError('a bug');
    expect(await failure()).toBeInstanceOf(TypeError);
    inner.error = undefined;
    expect(await failure()).toBeUndefined();
  });

  it('tells of each failure, and of an outage once at its start and once at its end', async () => {
    const { inner, failure, events } = guarded({ failureThreshold: 100 }, { async });
    await failure();
    const error = (inner.error = refused());
    for (let call = 0; call < 3; call += 1) await failure();
    inner.error = undefined;
    await failure();
    await failure();
    expect(events).toEqual([
      { kind: 'outage-started', backend: 'store', error },
      ...Array(3).fill({ kind: 'backend-failure', backend: 'store', error }),
      { kind: 'outage-ended', backend: 'store', durationMs: expect.any(Number), failures: 3 },
    ]);
  });

  it('asks the backend each time where there is no breaker', async () => {
    const { inner, failure, guard } = guarded(false, { async });
    inner.error = refused();
    for (let call = 0; call < 20; call += 1) expect(await failure()).toBeInstanceOf(BackendUnavailableError);
    expect(inner.asked).toHaveLength(20);
    expect(guard.breaker).toBeNull();
    expect(guard.isClosed()).toBe(true);
  });

  it('keeps quiet about a call that the circuit rejected: it was not made', async () => {
    const { inner, failure, events } = guarded({}, { async });
    inner.error = refused();
    for (let call = 0; call < 50; call += 1) await failure();
    expect(events.filter(({ kind }) => kind === 'backend-failure')).toHaveLength(2);
  });
});

describe('a guard around a backend that tells whether it has a connection', () => {
  /** Its circuit is open, since it lost its connection. */
  async function cutOff() {
    const all = guarded();
    all.inner.error = refused();
    all.inner.connected = false;
    await all.failure();
    await all.failure();
    all.inner.drain();
    return all;
  }

  const reconnect = (inner: ScriptedBackend): void => {
    inner.connected = true;
    inner.error = undefined;
  };

  it('sends no probe while there is none, so that none can fail and open the circuit for longer', async () => {
    const { inner, failure, clock, guard } = await cutOff();
    for (let period = 0; period < 5; period += 1) {
      clock.advance(10_000);
      expect(await failure()).toMatchObject({ retryAfterMs: 0, cause: { code: 'CIRCUIT_OPEN' } });
      expect(await guard.health(1_000)).toMatchObject({ healthy: false });
    }
    expect(inner.drain()).toEqual([]);
    expect(guard.breaker!.status()).toMatchObject({ state: 'open', tripCount: 1 });
    reconnect(inner);
    expect(await failure()).toBeUndefined();
    expect(guard.isClosed()).toBe(true);
  });

  it('probes a new connection at once, however long the circuit was to stay open', async () => {
    const { inner, failure, clock, guard } = await cutOff();
    clock.advance(2_000);
    expect(await failure()).toMatchObject({ retryAfterMs: 8_000 });
    reconnect(inner);
    expect(await failure()).toBeUndefined();
    expect(guard.isClosed()).toBe(true);
  });

  it('probes a new connection even if no call came while there was none', async () => {
    const { inner, failure, clock } = await cutOff();
    clock.advance(2_000);
    reconnect(inner);
    expect(await failure()).toBeUndefined();
  });

  it('probes one that replaces a connection which was dead without saying so', async () => {
    const { inner, failure, clock } = guarded();
    inner.error = refused();
    await failure();
    await failure();
    clock.advance(5_000);
    inner.connected = false;
    await failure();
    reconnect(inner);
    expect(await failure()).toBeUndefined();
  });

  it('probes less and less where connections come and none works', async () => {
    const { inner, failure, clock } = await cutOff();
    const start = clock();
    const probedMs: number[] = [];
    for (let tick = 0; tick < 400; tick += 1) {
      clock.advance(100);
      inner.connected = !inner.connected;
      await failure();
      if (inner.drain().length > 0) probedMs.push(clock() - start);
    }
    // A connection is there at 0.1 s, 0.3 s, ... ; the wait is 0 s, 1 s, 3 s, 7 s, and then `recoveryTimeout`.
    expect(probedMs).toEqual([100, 1_100, 4_100, 11_100, 21_100, 31_100]);
  });

  it.each([
    ['failed', false],
    ['succeeded', true],
  ])('probes a new connection at once even if a call of before has %s on it since', async (_how, succeeds) => {
    const { clock, inner, failure } = guarded({}, { async: true });
    let reply: () => void = () => undefined;
    const late = new Promise<void>((resolve) => (reply = resolve));
    const { consume } = inner;
    inner.consume = async (request) => {
      await late;
      return consume.call(inner, request);
    };
    const slow = failure();
    inner.consume = consume;
    inner.connected = false;
    inner.error = refused();
    await failure();
    await failure();
    inner.connected = true;
    if (succeeds) inner.error = undefined;
    reply();
    expect((await slow) === undefined).toBe(succeeds);
    inner.error = undefined;
    clock.advance(1_000);
    expect(await failure()).toBeUndefined();
  });

  it('probes a new connection at once even if the last failures were heard on it', async () => {
    const { inner, failure, guard } = guarded({ failureThreshold: 3 });
    inner.error = refused();
    inner.connected = false;
    await failure();
    inner.connected = true;
    await failure();
    await failure();
    expect(guard.breaker!.status()).toMatchObject({ state: 'open', retryAfterMs: 0 });
    inner.error = undefined;
    expect(await failure()).toBeUndefined();
  });

  it('forgets a lost connection with the next answer', async () => {
    const { inner, failure, guard } = guarded();
    inner.error = refused();
    inner.connected = false;
    await failure();
    reconnect(inner);
    await failure();
    inner.error = refused();
    await failure();
    await failure();
    expect(guard.breaker!.status()).toMatchObject({ state: 'open', retryAfterMs: 10_000 });
    await failure();
    expect(guard.breaker!.status()).toMatchObject({ state: 'open', retryAfterMs: 10_000 });
  });

  it('asks one that connects only when it is asked, once a probe has been due for backoffMax', async () => {
    const { clock, inner, failure, guard } = guarded({ backoffMax: '30s' });
    inner.error = refused();
    inner.connected = false;
    await failure();
    await failure();
    inner.error = undefined;
    inner.drain();
    clock.advance(39_999);
    await failure();
    expect(inner.drain()).toEqual([]);
    clock.advance(1);
    expect(await failure()).toBeUndefined();
    expect(guard.isClosed()).toBe(true);
  });

  it('takes one that cannot tell for connected', async () => {
    const { clock, inner, failure } = guarded();
    inner.isConnected = () => {
      throw new TypeError('no pool');
    };
    const cause = (inner.error = refused());
    expect(await failure()).toMatchObject({ code: 'BACKEND_UNAVAILABLE', cause });
    expect(await failure()).toMatchObject({ code: 'BACKEND_UNAVAILABLE', cause });
    expect(await failure()).toMatchObject({ code: 'BACKEND_UNAVAILABLE', cause: { code: 'CIRCUIT_OPEN' } });
    inner.error = undefined;
    clock.advance(10_000);
    expect(await failure()).toBeUndefined();
  });

  it('waits for the end of the open period where the connection was never lost', async () => {
    const { inner, failure, clock } = guarded();
    inner.error = refused();
    await failure();
    await failure();
    inner.error = undefined;
    clock.advance(9_999);
    expect(await failure()).toMatchObject({ retryAfterMs: 1 });
    clock.advance(1);
    expect(await failure()).toBeUndefined();
  });

  it('leaves a circuit alone that was opened by hand', async () => {
    const { inner, failure, clock, guard } = await cutOff();
    guard.breaker!.forceOpen();
    await failure();
    reconnect(inner);
    clock.advance(60_000);
    expect(await failure()).toMatchObject({ cause: { code: 'CIRCUIT_OPEN' } });
    expect(inner.drain()).toEqual([]);
  });
});

describe('a guard around a backend that tells of new connections', () => {
  /** A backend that says only that a connection was made: whoever looks finds it connected. */
  function reconnecting(circuitBreaker: CircuitBreakerOptions = {}) {
    const all = guarded(circuitBreaker);
    const listeners = new Set<() => void>();
    all.inner.onConnected = (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    };
    return { ...all, listeners, reconnect: () => listeners.forEach((listener) => listener()) };
  }

  it('probes a connection at once that was lost and made again between two calls', async () => {
    const { inner, failure, guard, reconnect } = reconnecting();
    inner.error = refused();
    await failure();
    await failure();
    inner.error = undefined;
    expect(await failure()).toMatchObject({ cause: { code: 'CIRCUIT_OPEN' } });
    reconnect();
    expect(await failure()).toBeUndefined();
    expect(guard.isClosed()).toBe(true);
  });

  it('probes it even if the failures of the old one are heard after the new one was made', async () => {
    const { inner, failure, reconnect } = reconnecting();
    await failure();
    reconnect();
    inner.error = refused();
    await failure();
    await failure();
    inner.error = undefined;
    expect(await failure()).toBeUndefined();
  });

  it('probes later and later where connections come and none works', async () => {
    const { inner, failure, clock, reconnect } = reconnecting();
    inner.error = refused();
    await failure();
    await failure();
    inner.drain();
    for (const waitMs of [0, 1_000, 3_000]) {
      reconnect();
      clock.advance(Math.max(0, waitMs - 1));
      if (waitMs > 0) await failure();
      expect(inner.drain()).toEqual([]);
      clock.advance(1);
      await failure();
      expect(inner.drain()).toEqual(['consume']);
    }
  });

  it('listens once it is used, and no longer than that', async () => {
    const { failure, guard, listeners } = reconnecting();
    expect(listeners.size).toBe(0);
    await failure();
    await failure();
    expect(listeners.size).toBe(1);
    await guard.close();
    expect(listeners.size).toBe(0);
  });
});

describe('a backend that stood still', () => {
  /** Its circuit is open, and the answers of what opened it are still to come. */
  async function stalled() {
    const all = guarded({}, { async: true });
    const { consume } = all.inner;
    const answers: (() => void)[] = [];
    all.inner.consume = async (request) => {
      await new Promise<void>((resolve) => answers.push(resolve));
      return consume.call(all.inner, request);
    };
    await Promise.all([all.failure(5), all.failure(5)]);
    expect(all.guard.isClosed()).toBe(false);
    all.inner.consume = consume;
    return { ...all, move: () => answers.splice(0).forEach((answer) => answer()) };
  }

  it('is probed as soon as it answers what it left without an answer', async () => {
    const { failure, guard, move } = await stalled();
    expect(await failure()).toMatchObject({ cause: { code: 'CIRCUIT_OPEN' } });
    move();
    await setImmediate();
    expect(await failure()).toBeUndefined();
    expect(guard.isClosed()).toBe(true);
  });

  it('is not probed for a late error', async () => {
    const { inner, failure, move } = await stalled();
    inner.error = refused();
    move();
    await setImmediate();
    inner.drain();
    expect(await failure()).toMatchObject({ cause: { code: 'CIRCUIT_OPEN' } });
    expect(inner.drain()).toEqual([]);
  });
});

describe('the default breaker of a backend', () => {
  it('opens for a second at first, twice as long after each failed probe, and for a minute at most', async () => {
    const { inner, failure, guard, clock } = guardedWith({ failureThreshold: 2, jitter: 0 });
    inner.error = refused();
    await failure();
    await failure();
    const periodsMs: number[] = [];
    while (periodsMs.length < 8) {
      const { retryAfterMs } = guard.breaker!.status();
      periodsMs.push(retryAfterMs);
      clock.advance(retryAfterMs);
      await failure();
    }
    expect(periodsMs).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  });

  it('starts over once it has been closed for a second', async () => {
    const { inner, failure, guard, clock } = guardedWith({ failureThreshold: 2, jitter: 0 });
    const blip = async (): Promise<number> => {
      inner.error = refused();
      await failure();
      await failure();
      const { retryAfterMs } = guard.breaker!.status();
      inner.error = undefined;
      clock.advance(retryAfterMs);
      await failure();
      return retryAfterMs;
    };
    expect([await blip(), await blip()]).toEqual([1_000, 2_000]);
    clock.advance(1_000);
    expect(await blip()).toBe(1_000);
  });

  it('keeps what the application says', async () => {
    const { inner, failure, guard } = guarded({ recoveryTimeout: '10m' });
    inner.error = refused();
    await failure();
    expect(await failure()).toMatchObject({ retryAfterMs: 600_000 });
    expect(guard.isClosed()).toBe(false);
  });
});

describe('the deadline of a call', () => {
  it('ends the wait for a backend that never answers, as a failure of it', async () => {
    const { inner, failure, guard } = guarded();
    inner.silent = true;
    expect(await failure(5)).toMatchObject({ code: 'BACKEND_UNAVAILABLE', cause: { code: 'DEADLINE_EXCEEDED' } });
    expect(guard.breaker!.status().failureCount).toBe(1);
  });

  it('is what the call says, and the backend is told', async () => {
    const { inner, failure } = guarded();
    await failure(777);
    expect(inner.timeoutMs).toBe(777);
  });

  it("is the backend's own where that is shorter", async () => {
    const { inner, failure } = guarded({}, { circuitBreaker: { callTimeout: '5ms' } });
    inner.silent = true;
    expect(await failure(60_000)).toMatchObject({ cause: { timeoutMs: 5 } });
    expect(inner.timeoutMs).toBe(5);
    expect(await failure(3)).toMatchObject({ cause: { timeoutMs: 3 } });
  });

  it('holds for pings, and a failure that comes too late is dropped', async () => {
    const { guard, inner } = guarded();
    await expectNoUnhandled(async () => {
      inner.silent = true;
      expect(await guard.health(5)).toMatchObject({ healthy: false, error: 'DEADLINE_EXCEEDED' });
      let fail: (error: Error) => void = () => undefined;
      const late = new Promise<never>((_resolve, reject) => (fail = reject));
      await expect(withDeadline(late, 1)).rejects.toBeInstanceOf(DeadlineExceededError);
      fail(new Error('late'));
      await late.catch(() => undefined);
    });
  });

  it('does not take the lateness of a busy process for that of its backend', async () => {
    const answer = withDeadline(stat('.'), 20);
    const until = performance.now() + 200;
    while (performance.now() < until);
    expect((await answer).isDirectory()).toBe(true);
  });

  it('gives back the time in which the process itself did not run', async () => {
    const answer = withDeadline(new Promise((resolve) => setTimeout(resolve, 60, 'done')), 50);
    const until = performance.now() + 200;
    while (performance.now() < until);
    expect(await answer).toBe('done');
  });

  it('gives it back once, and no more than the deadline again', async () => {
    const answer = withDeadline(new Promise(() => undefined), 20);
    const until = performance.now() + 200;
    while (performance.now() < until);
    await expect(answer).rejects.toBeInstanceOf(DeadlineExceededError);
  });

  it('tells of an answer that came too late, and of no other', async () => {
    let late = 0;
    const hear = (): void => void (late += 1);
    let resolve: (value: string) => void = () => undefined;
    await withDeadline(Promise.resolve('in time'), 1, hear);
    const slow = withDeadline(new Promise<string>((settle) => (resolve = settle)), 1, hear);
    await expect(slow).rejects.toBeInstanceOf(DeadlineExceededError);
    expect(late).toBe(0);
    resolve('late');
    await setImmediate();
    expect(late).toBe(1);
  });

  it('may be longer than the longest timer of the platform', async () => {
    const answer = new Promise<string>((resolve) => setTimeout(() => resolve('done'), 20));
    expect(await withDeadline(answer, 366 * 86_400_000)).toBe('done');
  });
});

describe('health of a guarded backend', () => {
  it('is a probe when one is due, so that an application without traffic finds out', async () => {
    const { inner, failure, clock, guard } = guarded();
    inner.error = refused();
    await failure();
    await failure();
    inner.error = undefined;
    inner.drain();
    expect(await guard.health(1_000)).toMatchObject({
      healthy: false,
      error: 'CIRCUIT_OPEN',
      breaker: { state: 'open' },
    });
    expect(inner.drain()).toEqual([]);
    clock.advance(10_000);
    expect(await guard.health(1_000)).toMatchObject({ healthy: true, breaker: { state: 'closed' } });
    expect(inner.drain()).toEqual(['ping']);
  });

  it('never rejects, and names an error by its code or its name, never by a message that may hold an address', async () => {
    const { inner, guard } = guarded({ failureThreshold: 100 });
    inner.error = refused();
    expect(await guard.health(1_000)).toMatchObject({ healthy: false, error: 'ECONNREFUSED' });
    const cause = Object.assign(new Error('WRONGPASS invalid username-password pair'), { name: 'ReplyError' });
    inner.error = new BackendUnavailableError({ backend: 'store', cause: new Error('No connection', { cause }) });
    expect(await guard.health(1_000)).toMatchObject({ healthy: false, error: 'WRONGPASS' });
    inner.error = new TypeError('redis://secret@host');
    expect(await guard.health(1_000)).toMatchObject({ healthy: false, error: 'TypeError' });
  });
});

describe('a guard that joins another application', () => {
  it('starts over with a closed circuit', async () => {
    const { inner, failure, guard } = guarded();
    inner.error = refused();
    await failure();
    await failure();
    expect(guard.isClosed()).toBe(false);
    guard.connect({ circuitBreaker: {}, timeoutMs: 1_000, notify: () => undefined });
    expect(guard.isClosed()).toBe(true);
    expect(guard.breaker!.status().state).toBe('closed');
  });
});

describe('an infrastructure error', () => {
  const withCode = (code: string) => Object.assign(new Error(code), { code });
  it.each([
    withCode('ECONNREFUSED'),
    withCode('ECONNRESET'),
    withCode('EPIPE'),
    withCode('ENOTFOUND'),
    withCode('EADDRNOTAVAIL'),
    new DeadlineExceededError(1),
    new BackendUnavailableError({ backend: 'x' }),
    new CircuitOpenError('x', 1),
    AbortSignal.abort().reason as Error,
    new DOMException('late', 'TimeoutError'),
  ])('is %p', (error) => {
    expect(isInfrastructureError(error)).toBe(true);
  });

  it.each([new TypeError('x'), new Error('x'), withCode('ERR_INVALID_ARG_TYPE'), 'ECONNREFUSED', undefined, null, 7])(
    'is not %p',
    (error) => {
      expect(isInfrastructureError(error)).toBe(false);
    },
  );
});
