import {
  failoverBackend,
  FailoverBackend,
  type FailoverBackendOptions,
} from '../../../../lib/limiter/failover.backend.js';
import { memoryBackend } from '../../../../lib/backends/memory/memory.backend.js';
import type { Reply } from '../../../../lib/contracts/backend.js';
import type { CircuitBreakerOptions } from '../../../../lib/contracts/breaker.js';
import { BackendUnavailableError, RateLimitConfigurationError } from '../../../../lib/contracts/errors.js';
import type { RateLimitEvent } from '../../../../lib/contracts/events.js';
import type { AlgorithmName } from '../../../../lib/contracts/policy.js';
import { manualClock } from '../../../support/manual-clock.js';
import { oneCall, refused, ScriptedBackend } from './scripted-backend.js';

/** Two members behind breakers that trip at the second failure, on a clock that the test moves. */
function pair(options: FailoverBackendOptions = {}, circuitBreaker: CircuitBreakerOptions = {}) {
  const clock = manualClock(0);
  const first = new ScriptedBackend('first');
  const second = new ScriptedBackend('second');
  const failover = new FailoverBackend([first, second], { clock, ...options });
  const events: RateLimitEvent[] = [];
  for (const member of failover.members) {
    member.connect({
      circuitBreaker: { failureThreshold: 2, recoveryTimeout: '10s', jitter: 0, clock, ...circuitBreaker },
      timeoutMs: 1_000,
      notify: (event) => events.push(event),
    });
  }
  const decide = () => failover.consume(oneCall()) as Reply;
  /** Lets the first member fail until its circuit is open, and forgets what was asked. */
  const breakFirst = () => {
    first.error = refused();
    decide();
    decide();
    first.drain();
    second.drain();
  };
  return { clock, first, second, failover, events, decide, breakFirst };
}

describe('first-healthy', () => {
  it('asks the first member alone while it works, and pings nobody', () => {
    const { first, second, decide } = pair();
    const replies = [decide(), decide(), decide()];
    expect(replies.map(({ backend, source }) => [backend, source])).toEqual(Array(3).fill(['first', 'primary']));
    expect(first.asked).toEqual(['consume', 'consume', 'consume']);
    expect(second.asked).toEqual([]);
  });

  it('hands a call on to the next member when one fails, and says so', () => {
    const { first, second, decide } = pair();
    first.error = refused();
    expect(decide()).toMatchObject({ allowed: true, backend: 'second', source: 'fallback' });
    expect([first.drain(), second.drain()]).toEqual([['consume'], ['consume']]);
  });

  it('does so for members that answer by promises', async () => {
    const first = new ScriptedBackend('first', { async: true });
    const second = new ScriptedBackend('second', { async: true });
    first.error = refused();
    const reply = await failoverBackend([first, second]).consume(oneCall());
    expect(reply).toMatchObject({ backend: 'second', source: 'fallback' });
  });

  it('does so when a member does not answer in time', async () => {
    const first = new ScriptedBackend('first');
    first.silent = true;
    const reply = await failoverBackend([first, memoryBackend()]).consume(oneCall({ timeoutMs: 5 }));
    expect(reply).toMatchObject({ backend: 'memory', source: 'fallback' });
  });

  it('counts on each member apart: a key finds a fresh quota on the one that takes over', () => {
    const { first, decide, failover } = pair();
    for (let call = 0; call < 10; call += 1) decide();
    expect(decide()).toMatchObject({ allowed: false, backend: 'first' });
    first.error = refused();
    for (let call = 0; call < 10; call += 1) expect(decide()).toMatchObject({ allowed: true, backend: 'second' });
    expect(decide()).toMatchObject({ allowed: false, backend: 'second' });
    expect(failover.peek(oneCall())).toMatchObject({ backend: 'second', policies: [{ remaining: 0 }] });
  });

  it('does not fail over because a limit is exceeded', () => {
    const { second, decide } = pair();
    for (let call = 0; call < 20; call += 1) decide();
    expect(second.asked).toEqual([]);
  });

  it.each(['consume', 'peek', 'refund', 'reset'] as const)(
    'lets a bug in %s of a member propagate, and asks no other',
    (verb) => {
      const { first, second, failover } = pair();
      first.error = new TypeError('a bug');
      expect(() => failover[verb](oneCall())).toThrow(TypeError);
      if (verb !== 'reset') expect(second.asked).toEqual([]);
      expect(failover.members[0]!.breaker!.status()).toMatchObject({ state: 'closed', failureCount: 0 });
    },
  );
});

describe('failback', () => {
  it('asks a member whose circuit is open for nothing', () => {
    const { first, decide, breakFirst, clock } = pair();
    breakFirst();
    clock.advance(9_999);
    for (let call = 0; call < 5; call += 1) expect(decide().backend).toBe('second');
    expect(first.asked).toEqual([]);
  });

  it('comes once it has answered three pings, a second apart', () => {
    const { first, second, decide, breakFirst, clock } = pair();
    breakFirst();
    first.error = undefined;
    clock.advance(10_000);
    for (const wait of [0, 999, 1, 999]) {
      clock.advance(wait);
      expect(decide()).toMatchObject({ backend: 'second', source: 'fallback' });
    }
    expect(first.drain()).toEqual(['ping', 'ping']);
    clock.advance(1);
    expect(decide()).toMatchObject({ backend: 'first', source: 'primary' });
    expect(first.drain()).toEqual(['ping', 'consume']);
    second.drain();
    decide();
    expect([first.drain(), second.drain()]).toEqual([['consume'], []]);
  });

  it('starts over when a ping fails, after a longer wait', () => {
    const { first, decide, breakFirst, clock } = pair();
    breakFirst();
    first.error = undefined;
    clock.advance(10_000);
    decide();
    first.error = refused();
    clock.advance(1_000);
    decide();
    expect(first.drain()).toEqual(['ping', 'ping']);
    first.error = undefined;
    clock.advance(19_999);
    decide();
    expect(first.drain()).toEqual([]);
    clock.advance(1);
    for (let second = 0; second < 2; second += 1) {
      expect(decide().backend).toBe('second');
      clock.advance(1_000);
    }
    expect(decide().backend).toBe('first');
  });

  it('starts over when the connection is lost between two pings', () => {
    const { first, decide, breakFirst, clock } = pair();
    breakFirst();
    first.error = undefined;
    clock.advance(10_000);
    decide();
    first.connected = false;
    first.error = refused();
    clock.advance(1_000);
    decide();
    first.connected = true;
    first.error = undefined;
    // A circuit that opens for the second time stays open for two seconds at least.
    clock.advance(1_000);
    for (let ping = 0; ping < 3; ping += 1) {
      clock.advance(1_000);
      expect(decide().backend).toBe(ping < 2 ? 'second' : 'first');
    }
    expect(first.drain()).toEqual(['ping', 'ping', 'ping', 'ping', 'ping', 'consume']);
  });

  it('takes as many pings, and as far apart, as the options say', () => {
    const { first, decide, breakFirst, clock } = pair({ failbackProbes: 1, failbackInterval: '1m' });
    breakFirst();
    first.error = undefined;
    clock.advance(10_000);
    expect(decide().backend).toBe('first');
  });

  it('keeps no call waiting for a ping, and sends no other while it waits for one', () => {
    const { first, decide, breakFirst, clock } = pair();
    breakFirst();
    first.error = undefined;
    first.silent = true;
    clock.advance(10_000);
    for (let call = 0; call < 3; call += 1) {
      expect(decide().backend).toBe('second');
      clock.advance(1_000);
    }
    expect(first.drain()).toEqual(['ping']);
  });

  it('comes at once when the circuit is reset', () => {
    const { first, decide, breakFirst, failover } = pair();
    breakFirst();
    first.error = undefined;
    failover.members[0]!.breaker!.reset();
    expect(decide().backend).toBe('first');
    expect(first.drain()).toEqual(['consume']);
  });

  it('comes at once when the circuit is reset between two pings', () => {
    const { first, decide, breakFirst, failover, clock } = pair();
    breakFirst();
    first.error = undefined;
    clock.advance(10_000);
    expect(decide().backend).toBe('second');
    failover.members[0]!.breaker!.reset();
    expect(decide().backend).toBe('first');
  });

  it('does not come while an operator keeps the circuit open', () => {
    const { first, decide, failover, clock } = pair();
    failover.members[0]!.breaker!.forceOpen();
    clock.advance(3_600_000);
    expect(decide().backend).toBe('second');
    expect(first.asked).toEqual([]);
  });
});

describe('all members down', () => {
  it('throws one unavailable error that names the failover, when the first of them may be tried again, and why', () => {
    const { first, second, decide, breakFirst, clock, failover } = pair({ name: 'counters' });
    breakFirst();
    clock.advance(4_000);
    second.error = refused();
    expect(decide).toThrow();
    expect(decide).toThrow();
    let thrown: unknown;
    try {
      void failover.consume(oneCall());
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(BackendUnavailableError);
    expect(thrown).toMatchObject({ backend: 'counters', retryAfterMs: 6_000 });
    const { errors } = (thrown as BackendUnavailableError).cause as AggregateError;
    expect(errors).toMatchObject([{ backend: 'first' }, { backend: 'second' }]);
    expect([first.drain(), second.drain()]).toEqual([[], ['consume', 'consume']]);
  });

  it('goes back to work with the first member that recovers, without waiting for three pings', () => {
    const { second, decide, breakFirst, clock, first } = pair();
    breakFirst();
    second.error = refused();
    expect(decide).toThrow();
    expect(decide).toThrow();
    clock.advance(10_000);
    first.error = undefined;
    expect(decide()).toMatchObject({ allowed: true, backend: 'first' });
  });
});

describe('round-robin', () => {
  it('asks the members in turn, each as a first choice', () => {
    const { decide } = pair({ strategy: 'round-robin' });
    const replies = [decide(), decide(), decide(), decide()];
    expect(replies.map(({ backend }) => backend)).toEqual(['first', 'second', 'first', 'second']);
    expect(replies.every(({ source }) => source === 'primary')).toBe(true);
  });

  it('hands a call on when its turn fails, and then leaves that member out', () => {
    const { first, second, decide } = pair({ strategy: 'round-robin' });
    first.error = refused();
    const replies = [decide(), decide(), decide(), decide(), decide()];
    expect(replies.map(({ backend }) => backend)).toEqual(Array(5).fill('second'));
    expect(replies.map(({ source }) => source)).toEqual(['fallback', 'primary', 'fallback', 'primary', 'primary']);
    expect(first.asked).toHaveLength(2);
    expect(second.asked).toHaveLength(5);
  });

  it('admits at most the sum of the limits of its members', () => {
    const { decide } = pair({ strategy: 'round-robin' });
    const admitted = Array.from({ length: 100 }, decide).filter(({ allowed }) => allowed);
    expect(admitted).toHaveLength(20);
  });
});

describe('refund', () => {
  it('gives back where it was charged, even when another member would decide now', () => {
    const { first, second, decide, failover } = pair();
    first.error = refused();
    const { backend } = decide();
    first.error = undefined;
    first.drain();
    second.drain();
    void failover.refund({ ...oneCall(), backend: backend! });
    expect([first.drain(), second.drain()]).toEqual([[], ['refund']]);
  });

  it('goes to nobody else when the member that charged is away', () => {
    const { first, second, failover } = pair();
    first.error = refused();
    expect(() => failover.refund({ ...oneCall(), backend: 'first' })).toThrow(BackendUnavailableError);
    expect(second.asked).toEqual([]);
  });

  it('goes where a charge would go now when nobody knows who charged', () => {
    const { first, second, failover } = pair();
    first.error = refused();
    void failover.refund(oneCall());
    expect([first.drain(), second.drain()]).toEqual([['refund'], ['refund']]);
  });
});

describe('reset', () => {
  it('forgets on every member', () => {
    const { first, second, failover } = pair();
    void failover.reset(oneCall());
    expect([first.drain(), second.drain()]).toEqual([['reset'], ['reset']]);
  });

  it('is content with the members it reaches, and fails where it reaches none', () => {
    const { first, second, failover } = pair();
    first.error = refused();
    expect(failover.reset(oneCall())).toBeUndefined();
    second.error = refused();
    expect(() => failover.reset(oneCall())).toThrow(BackendUnavailableError);
  });
});

describe('close', () => {
  it('closes every member, and tells of the one that would not', async () => {
    const { first, second, failover } = pair();
    first.error = new Error('stuck');
    await expect((async () => failover.close())()).rejects.toThrow('stuck');
    expect([first.asked, second.asked]).toEqual([['close'], ['close']]);
  });
});

describe('outages of members', () => {
  it('are told apart: one started and one ended for each', () => {
    const { first, decide, breakFirst, clock, events } = pair({ failbackProbes: 1 });
    decide();
    breakFirst();
    clock.advance(5_000);
    decide();
    first.error = undefined;
    clock.advance(5_000);
    decide();
    expect(events.map((event) => [event.kind, 'backend' in event ? event.backend : undefined])).toEqual([
      ['outage-started', 'first'],
      ['backend-failure', 'first'],
      ['backend-failure', 'first'],
      ['outage-ended', 'first'],
    ]);
  });
});

describe('what a failover offers', () => {
  const offering = (name: string, algorithms: readonly AlgorithmName[]): ScriptedBackend =>
    new ScriptedBackend(name, { capabilities: { algorithms } });

  it('is what all its members do', () => {
    const some = offering('some', ['sliding-window', 'token-bucket']);
    const backend = failoverBackend([memoryBackend(), some]);
    expect(backend.capabilities?.algorithms).toEqual(['sliding-window', 'token-bucket']);
    expect(backend.capabilities?.calendar).toBeUndefined();
    expect(failoverBackend([memoryBackend(), memoryBackend({ name: 'other' })]).capabilities?.calendar).toBe(true);
  });
});

describe('what is refused at the start', () => {
  const log = { algorithms: ['sliding-log'] } as const;
  it.each([
    ['fewer than two members', () => failoverBackend([memoryBackend()]), /at least two/],
    ['two members of one name', () => failoverBackend([memoryBackend(), memoryBackend()]), /'memory'.*this name/],
    [
      'members that do not offer the same algorithms',
      () => failoverBackend([memoryBackend(), new ScriptedBackend('other', { capabilities: log })]),
      /'memory' and 'other' differ in sliding-window, fixed-window, token-bucket.*same algorithms/,
    ],
    [
      'a failover within another',
      () =>
        failoverBackend([
          failoverBackend([memoryBackend(), new ScriptedBackend('other')]),
          memoryBackend({ name: 'm' }),
        ]),
      /do not nest/,
    ],
    ['an unknown strategy', () => failoverBackend(two(), { strategy: 'random' as 'round-robin' }), /strategy/],
    ['no pings at all', () => failoverBackend(two(), { failbackProbes: 0 }), /failbackProbes/],
    ['a strange interval', () => failoverBackend(two(), { failbackInterval: 'soon' }), /failbackInterval/],
  ])('%s', (_what, build, message) => {
    expect(build).toThrow(RateLimitConfigurationError);
    expect(build).toThrow(message);
  });

  it('while the order of the algorithms does not matter', () => {
    const one = new ScriptedBackend('one', { capabilities: { algorithms: ['sliding-log', 'token-bucket'] } });
    const other = new ScriptedBackend('other', { capabilities: { algorithms: ['token-bucket', 'sliding-log'] } });
    expect(failoverBackend([one, other]).capabilities).toEqual({ algorithms: ['sliding-log', 'token-bucket'] });
  });
});

const two = () => [memoryBackend(), memoryBackend({ name: 'other' })];
