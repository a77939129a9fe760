import { Test } from '@nestjs/testing';
import {
  BackendService,
  BackendUnavailableError,
  RateLimitExceededException,
  RateLimitModule,
  type RateLimitModuleOptions,
} from 'nestjs-floodgate';
import { type ManualClock, manualClock } from '../../support/manual-clock.js';
import { expectNoUnhandled } from '../../support/unhandled.js';
import { recordingBackend, type RecordingBackend } from '../guard/recording-backend.js';
import { closedGate } from './closed-gate.js';

interface Fixture {
  readonly service: BackendService;
  readonly backend: RecordingBackend;
  readonly clock: ManualClock;
  /** What is left of policies. */
  left(...policies: string[]): Promise<readonly number[]>;
}

async function start(options: RateLimitModuleOptions = {}): Promise<Fixture> {
  const clock = manualClock();
  const backend = recordingBackend({ clock });
  const app = await Test.createTestingModule({
    imports: [
      RateLimitModule.forRoot({
        backend,
        policies: {
          tokens: { rate: '10/m', algorithm: 'fixed-window' },
          calls: { rate: '4/m', algorithm: 'fixed-window', message: 'Too many calls' },
          dear: { rate: '10/m', algorithm: 'fixed-window', cost: 3 },
          watched: { rate: '2/m', algorithm: 'fixed-window', mode: 'shadow' },
          bucket: { rate: '10/m', algorithm: 'token-bucket' },
        },
        ...options,
      }),
    ],
  }).compile();
  await app.init();
  const service = app.get(BackendService);
  return {
    service,
    backend,
    clock,
    left: async (...policies) => (await service.peek('a', policies)).policies.map(({ remaining }) => remaining),
  };
}

const unavailable = (): never => {
  throw new BackendUnavailableError({ backend: 'memory' });
};

describe('a lease', () => {
  it('holds what was charged until it is settled', async () => {
    const { service, left } = await start();
    const lease = await service.acquire('a', 'tokens', { cost: 4 });
    expect(lease.decision).toMatchObject({ kind: 'allowed', policies: [{ name: 'tokens', remaining: 6 }] });
    lease.settle();
    await lease.release();
    expect(await left('tokens')).toEqual([6]);
  });

  it('gives back all of it when it is released, once', async () => {
    const { service, left } = await start();
    await service.consume('a', 'tokens', { cost: 5 });
    const lease = await service.acquire('a', 'tokens', { cost: 4 });
    await Promise.all([lease.release(), lease.release()]);
    await lease.release();
    lease.settle();
    expect(await left('tokens')).toEqual([5]);
  });

  it('is refused by an exception with the decision and the message of the policy', async () => {
    const { service, left } = await start();
    const refused: unknown = await service
      .acquire('a', ['tokens', 'calls'], { cost: 5 })
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(RateLimitExceededException);
    expect(refused).toMatchObject({ message: 'Too many calls', decision: { kind: 'limited', retryAfterMs: null } });
    expect(await left('tokens', 'calls')).toEqual([10, 4]);
  });

  it('charges each policy its own cost, and gives back each its own', async () => {
    const { service, left } = await start();
    const lease = await service.acquire('a', ['dear', 'tokens']);
    expect(await left('dear', 'tokens')).toEqual([7, 9]);
    await lease.release();
    expect(await left('dear', 'tokens')).toEqual([10, 10]);
  });

  it('consumes more; a refusal is a value and charges nothing', async () => {
    const { service, left } = await start();
    const lease = await service.acquire('a', ['tokens', 'calls'], { cost: 2 });
    expect(await lease.consume(2)).toMatchObject({ kind: 'allowed' });
    expect(await lease.consume(1)).toMatchObject({ kind: 'limited', allowed: false });
    expect(await left('tokens', 'calls')).toEqual([6, 0]);
    await lease.release();
    expect(await left('tokens', 'calls')).toEqual([10, 4]);
  });

  it('is adjusted up, into debt, and gives the debt back too', async () => {
    const { service, left } = await start();
    const lease = await service.acquire('a', 'tokens', { cost: 8 });
    await lease.adjust(5);
    expect(await service.consume('a', 'tokens', { cost: 1 })).toMatchObject({ kind: 'limited' });
    await lease.adjust(-3);
    expect(await left('tokens')).toEqual([0]);
    await lease.adjust(-1);
    expect(await left('tokens')).toEqual([1]);
    await lease.release();
    expect(await left('tokens')).toEqual([10]);
  });

  it('gives back the latest first, for it counts for longest', async () => {
    const { service, left, clock } = await start();
    const lease = await service.acquire('a', 'tokens', { cost: 3 });
    clock.advance(60_000);
    await lease.consume(2);
    expect(await left('tokens')).toEqual([8]);
    await lease.adjust(-2);
    expect(await left('tokens')).toEqual([10]);
  });

  it('is adjusted down, at most to nothing', async () => {
    const { service, left } = await start();
    await service.consume('a', 'tokens', { cost: 5 });
    const lease = await service.acquire('a', 'tokens', { cost: 4 });
    await lease.adjust(-1);
    expect(await left('tokens')).toEqual([2]);
    await lease.adjust(-100);
    await lease.adjust(-1);
    expect(await left('tokens')).toEqual([5]);
  });

  it('adjusts several policies of several costs by the same difference', async () => {
    const { service, left } = await start();
    const lease = await service.acquire('a', ['dear', 'calls']);
    await lease.adjust(-2);
    expect(await left('dear', 'calls')).toEqual([9, 4]);
    await lease.adjust(1);
    expect(await left('dear', 'calls')).toEqual([8, 3]);
  });

  it.each([
    ['consume', -1],
    ['consume', 0.5],
    ['consume', Number.NaN],
    ['adjust', 0.5],
    ['adjust', Number.POSITIVE_INFINITY],
  ] as const)('refuses %s of %p', async (verb, units) => {
    const { service } = await start();
    const lease = await service.acquire('a', 'tokens');
    await expect(lease[verb](units)).rejects.toThrow(new RegExp(`Units of a lease are a whole number.*${units}`));
  });

  it('keeps what is charged after it was settled', async () => {
    const { service, left } = await start();
    const lease = await service.acquire('a', 'tokens', { cost: 2 });
    lease.settle();
    await lease.consume(3);
    await lease.adjust(1);
    await lease.adjust(-1);
    await lease[Symbol.asyncDispose]();
    expect(await left('tokens')).toEqual([4]);
  });

  it('gives back what a call in flight charges after it was released', async () => {
    const { service, left, backend } = await start();
    const lease = await service.acquire('a', 'tokens', { cost: 2 });
    const { consume } = backend;
    const { gate, open } = closedGate();
    backend.consume = async (request) => {
      await gate;
      return consume(request);
    };
    const late = lease.consume(3);
    await lease.release();
    open();
    expect(await late).toMatchObject({ kind: 'allowed' });
    expect(await left('tokens')).toEqual([10]);
  });

  it('does not give back what a shadow policy refused to charge', async () => {
    const { service, left } = await start();
    await service.consume('a', 'watched', { cost: 2 });
    const lease = await service.acquire('a', ['tokens', 'watched']);
    await lease.release();
    expect(await left('tokens', 'watched')).toEqual([10, 0]);
  });

  it('of cost 0 may grow', async () => {
    const { service, left } = await start();
    const lease = await service.acquire('a', 'tokens', { cost: 0 });
    await lease.adjust(3);
    expect(await left('tokens')).toEqual([7]);
    await lease.release();
    expect(await left('tokens')).toEqual([10]);
  });

  it.each<[string, RateLimitModuleOptions, string]>([
    ['passed because the backend is down', { failureMode: 'open' }, 'failed-open'],
    ['is of a limiter that is disabled', { enabled: false }, 'disabled'],
  ])('that %s says so, and does nothing', async (_what, options, reason) => {
    const { service, backend } = await start(options);
    const { consume } = backend;
    backend.consume = unavailable;
    const lease = await service.acquire('a', 'tokens');
    backend.consume = consume;
    expect(lease.decision).toMatchObject({ kind: 'unenforced', reason });
    expect(await lease.consume(3)).toBe(lease.decision);
    await lease.adjust(3);
    await lease.adjust(-3);
    await lease.release();
    expect(backend.calls).toHaveLength(0);
  });

  it('is given back in this process where this process granted it', async () => {
    const { service, backend } = await start({ failureMode: 'local' });
    const { consume } = backend;
    backend.consume = unavailable;
    const lease = await service.acquire('a', 'calls', { cost: 4 });
    expect(lease.decision).toMatchObject({ kind: 'allowed', source: 'local' });
    expect(await service.consume('a', 'calls')).toMatchObject({ kind: 'limited', source: 'local' });
    backend.consume = consume;
    await service.consume('a', 'calls');
    await lease.release();
    expect((await service.peek('a', 'calls')).policies[0]!.remaining).toBe(3);
    backend.consume = unavailable;
    expect(await service.consume('a', 'calls', { cost: 4 })).toMatchObject({ kind: 'allowed', source: 'local' });
  });

  it('of a token bucket gives back no token that was refilled meanwhile', async () => {
    const { service, clock, left } = await start();
    const [early, late] = [
      await service.acquire('a', 'bucket', { cost: 4 }),
      await service.acquire('a', 'bucket', { cost: 6 }),
    ];
    clock.advance(60_000);
    await service.consume('a', 'bucket', { cost: 10 });
    await Promise.all([early.release(), late.release()]);
    expect(await left('bucket')).toEqual([0]);
  });

  it('of a token bucket gives back what was not refilled yet', async () => {
    const { service, clock, left } = await start();
    await service.consume('a', 'bucket', { cost: 4 });
    const lease = await service.acquire('a', 'bucket', { cost: 6 });
    await lease.adjust(-2);
    expect(await left('bucket')).toEqual([2]);
    clock.advance(42_000); // 7 of the 8 units that were owed
    await service.consume('a', 'bucket', { cost: 5 });
    await lease.release();
    // What was owed is known to a millisecond of refill.
    clock.advance(1);
    expect(await left('bucket')).toEqual([5]);
  });

  it('fails to be released while the backend is down, and is disposed of all the same', async () => {
    const { service, backend } = await start();
    const [one, other] = [await service.acquire('a', 'tokens'), await service.acquire('a', 'tokens')];
    backend.refund = unavailable;
    await expect(one.release()).rejects.toThrow(BackendUnavailableError);
    await expect(other[Symbol.asyncDispose]()).resolves.toBeUndefined();
  });

  it('hands a programming error on when it is disposed of', async () => {
    const { service, backend } = await start();
    const lease = await service.acquire('a', 'tokens');
    backend.refund = () => {
      throw new TypeError('bug');
    };
    await expect(lease[Symbol.asyncDispose]()).rejects.toThrow(new TypeError('bug'));
  });

  it('that nobody waits for any more is given back when it is granted', async () => {
    const { service, backend, left } = await start();
    const { consume } = backend;
    const { gate, open } = closedGate();
    backend.consume = async (request) => {
      await gate;
      return consume(request);
    };
    const controller = new AbortController();
    const acquiring = service.acquire('a', 'tokens', { cost: 4, signal: controller.signal });
    const reason = new Error('gone');
    controller.abort(reason);
    await expectNoUnhandled(async () => {
      await expect(acquiring).rejects.toBe(reason);
      open();
    });
    expect(backend.keys()).toEqual(['a']);
    expect(await left('tokens')).toEqual([10]);
  });

  it('that was never asked for, for its signal was aborted, charges nothing', async () => {
    const { service, backend } = await start();
    await expect(service.acquire('a', 'tokens', { signal: AbortSignal.abort(new Error('gone')) })).rejects.toThrow(
      'gone',
    );
    expect(backend.calls).toHaveLength(0);
  });
});

describe('await using', () => {
  it('gives back when the block throws', async () => {
    const { service, left } = await start();
    const block = async (): Promise<void> => {
      await using lease = await service.acquire('a', 'tokens', { cost: 4 });
      await lease.consume(1);
      throw new Error('work failed');
    };
    await expect(block()).rejects.toThrow('work failed');
    expect(await left('tokens')).toEqual([10]);
  });

  it('lets the error of the block through, when the backend is down by then', async () => {
    const { service, backend } = await start();
    const block = async (): Promise<void> => {
      await using lease = await service.acquire('a', 'tokens', { cost: 4 });
      backend.refund = unavailable;
      throw new Error(`work failed under ${lease.decision.kind}`);
    };
    await expect(block()).rejects.toThrow('work failed under allowed');
  });

  it('keeps what was settled', async () => {
    const { service, left } = await start();
    const block = async (): Promise<void> => {
      await using lease = await service.acquire('a', 'tokens', { cost: 4 });
      lease.settle();
    };
    await block();
    expect(await left('tokens')).toEqual([6]);
  });
});

describe('withLease', () => {
  it('keeps the charge of work that succeeds, and returns what it returns', async () => {
    const { service, left } = await start();
    const result = await service.withLease('a', 'tokens', async (lease) => {
      await lease.adjust(2);
      return 'done';
    });
    expect(result).toBe('done');
    expect(await left('tokens')).toEqual([7]);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('work failed');
      },
    ],
    ['rejects', () => Promise.reject(new Error('work failed'))],
  ])('gives back the charge of work that %s', async (_how, work: () => Promise<never>) => {
    const { service, left } = await start();
    await expect(service.withLease('a', 'tokens', work, { cost: 4 })).rejects.toThrow('work failed');
    expect(await left('tokens')).toEqual([10]);
  });

  it('lets the error of the work through, when the backend is down by then', async () => {
    const { service, backend } = await start();
    backend.refund = unavailable;
    const work = (): never => {
      throw new Error('work failed');
    };
    await expect(service.withLease('a', 'tokens', work)).rejects.toThrow('work failed');
  });

  it('does not work when it is refused', async () => {
    const { service } = await start();
    let worked = false;
    const work = (): void => void (worked = true);
    await expect(service.withLease('a', 'calls', work, { cost: 5 })).rejects.toThrow(RateLimitExceededException);
    expect(worked).toBe(false);
  });
});
