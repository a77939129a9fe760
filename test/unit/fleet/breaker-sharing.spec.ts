import { CircuitBreakerRegistry } from '../../../lib/breaker/breaker.registry.js';
import type { Breaker } from '../../../lib/breaker/breaker.js';
import type {
  BreakerStateStore,
  CircuitReport,
  PeersProbe,
  PeersReport,
  ProbeRefusal,
} from '../../../lib/contracts/breaker-state.js';
import type { MaybePromise } from '../../../lib/contracts/maybe-promise.js';
import { BreakerSharing } from '../../../lib/fleet/breaker-sharing.js';
import { manualClock, type ManualClock } from '../../support/manual-clock.js';

/** A store that a test answers for. */
class TestStore implements BreakerStateStore {
  readonly name = 'test';
  told: readonly CircuitReport[] = [];
  readonly settled: { circuit: string; keep: PeersProbe | undefined }[] = [];
  claims = 0;
  answer: () => MaybePromise<ProbeRefusal> = () => undefined;

  constructor(readonly quorum?: number) {}

  open(): void {
    // The test tells what is heard.
  }

  tell(reports: readonly CircuitReport[]): void {
    this.told = reports;
  }

  claim(): MaybePromise<ProbeRefusal> {
    this.claims += 1;
    return this.answer();
  }

  settle(circuit: string, keep: PeersProbe | undefined): void {
    this.settled.push({ circuit, keep });
  }

  close(): void {
    // Nothing is open.
  }
}

const HINT: PeersReport = { circuit: 'pay', open: 1, hintForMs: 12_000 };

let clock: ManualClock;
let store: TestStore;
let sharing: BreakerSharing;
let breaker: Breaker;

function setUp(quorum?: number): void {
  clock = manualClock();
  store = new TestStore(quorum);
  const registry = new CircuitBreakerRegistry();
  sharing = new BreakerSharing(registry, store, clock);
  sharing.start();
  breaker = registry.create('pay', { clock, recoveryTimeout: 10_000, jitter: 0, callTimeout: 1_000 });
}

beforeEach(() => setUp());

const fail = (times = 1): void => {
  for (let call = 0; call < times; call += 1) breaker.tryAcquire()?.failure(new Error('down'));
};
const state = (): string => breaker.status().state;

describe('a hint', () => {
  it('opens nothing by itself, and lowers the threshold to one failure', () => {
    sharing.heard([HINT]);
    expect(state()).toBe('closed');
    breaker.tryAcquire()?.success();
    expect(state()).toBe('closed');
    fail();
    expect(state()).toBe('open');
  });

  it('holds until its time, and no longer', () => {
    sharing.heard([HINT]);
    clock.advance(11_999);
    fail();
    expect(state()).toBe('open');
    setUp();
    sharing.heard([HINT]);
    clock.advance(12_000);
    fail(4);
    expect(state()).toBe('closed');
  });

  it('ends when the peer closes, and when the store is out of reach', () => {
    for (const end of [() => sharing.heard([]), () => sharing.forget()]) {
      setUp();
      sharing.heard([HINT]);
      end();
      fail(4);
      expect(state()).toBe('closed');
      fail();
      expect(state()).toBe('open');
    }
  });

  it('counts for a breaker that is made after it came, and for a rule of rates', () => {
    const registry = new CircuitBreakerRegistry();
    sharing = new BreakerSharing(registry, store, clock);
    sharing.start();
    sharing.heard([HINT]);
    const trip = { kind: 'rate', failureRate: 0.5, minimumCalls: 100, window: '10s' } as const;
    breaker = registry.create('pay', { clock, trip });
    fail();
    expect(state()).toBe('open');
  });
});

it('a quorum opens without a failure here, until their next probe is due, with a reason of its own', () => {
  setUp(3);
  const reasons: string[] = [];
  breaker.onTransition(({ reason }) => reasons.push(reason));
  sharing.heard([{ ...HINT, open: 2 }]);
  expect(state()).toBe('closed');
  sharing.heard([{ ...HINT, open: 3 }]);
  expect(breaker.status()).toMatchObject({ state: 'open', retryAfterMs: 10_000, tripCount: 1 });
  expect(reasons).toEqual(['peers']);
});

describe('a probe that is due', () => {
  beforeEach(() => {
    fail(5);
    clock.advance(10_000);
  });

  it('is made if the store grants it, and a failure keeps it until the next is due', () => {
    fail();
    expect(store.claims).toBe(1);
    expect(store.settled).toEqual([{ circuit: 'pay', keep: { forMs: 20_000, step: 2 } }]);
  });

  it('frees it by a success', () => {
    breaker.tryAcquire()?.success();
    expect(state()).toBe('closed');
    expect(store.settled).toEqual([{ circuit: 'pay', keep: undefined }]);
  });

  it('is not made while another process has it, and is due when that one says so', () => {
    store.answer = () => ({ forMs: 30_000, step: 4 });
    expect(breaker.tryAcquire()).toBeUndefined();
    expect(breaker.status()).toMatchObject({ state: 'open', retryAfterMs: 30_000 });
    expect(breaker.tryAcquire()).toBeUndefined();
    expect(store.claims).toBe(1);
    clock.advance(30_000);
    store.answer = () => undefined;
    fail();
    // Goes on from the other's backoff: 10, 20, 40, 80, 160 s.
    expect(store.settled).toEqual([{ circuit: 'pay', keep: { forMs: 160_000, step: 5 } }]);
  });

  it('is due at once when the prober is done with it', () => {
    sharing.heard([{ ...HINT, probe: { forMs: 30_000, step: 4 } }]);
    expect(breaker.status().retryAfterMs).toBe(30_000);
    sharing.heard([]);
    expect(breaker.status().retryAfterMs).toBe(0);
    expect(breaker.tryAcquire()).toBeDefined();
  });

  it('waits for no answer: the call is rejected, and the next one after the answer is the probe', async () => {
    let grant: (refusal: ProbeRefusal) => void = () => undefined;
    store.answer = () => new Promise((resolve) => (grant = resolve));
    expect(breaker.tryAcquire()).toBeUndefined();
    expect(breaker.tryAcquire()).toBeUndefined();
    expect(store.claims).toBe(1);
    grant(undefined);
    await Promise.resolve();
    expect(breaker.tryAcquire()).toBeDefined();
    expect(state()).toBe('half-open');
  });

  it('is made alone where the store does not answer, throws or rejects', async () => {
    store.answer = () => new Promise(() => undefined);
    expect(breaker.tryAcquire()).toBeUndefined();
    clock.advance(2_000);
    expect(breaker.tryAcquire()).toBeDefined();
    breaker.reset();
    fail(5);
    clock.advance(10_000);
    store.answer = () => {
      throw new Error('away');
    };
    expect(breaker.tryAcquire()).toBeDefined();
    breaker.reset();
    fail(5);
    clock.advance(10_000);
    store.answer = () => Promise.reject(new Error('away'));
    expect(breaker.tryAcquire()).toBeUndefined();
    await Promise.resolve();
    await Promise.resolve();
    expect(breaker.tryAcquire()).toBeDefined();
  });

  it('is given back if no call uses it for a second, and then made by the next call without waiting', async () => {
    store.answer = () => Promise.resolve(undefined);
    expect(breaker.tryAcquire()).toBeUndefined();
    await Promise.resolve();
    sharing.tick();
    expect(store.settled).toEqual([]);
    clock.advance(1_000);
    sharing.tick();
    expect(store.settled).toEqual([{ circuit: 'pay', keep: undefined }]);
    expect(breaker.tryAcquire()).toBeDefined();
    expect(store.claims).toBe(2);
  });

  it('is freed by an operator who resets the breaker', () => {
    expect(breaker.tryAcquire()).toBeDefined();
    breaker.reset();
    expect(store.settled).toEqual([{ circuit: 'pay', keep: undefined }]);
  });
});

describe('what is told', () => {
  it('is what is open or half-open, and its end', () => {
    expect(store.told).toEqual([]);
    fail(5);
    expect(store.told).toEqual([{ circuit: 'pay', state: 'open', step: 1, tripCount: 1, dueInMs: 10_000 }]);
    clock.advance(4_000);
    sharing.tick();
    expect(store.told[0]?.dueInMs).toBe(6_000);
    clock.advance(6_000);
    const permit = breaker.tryAcquire();
    expect(store.told).toMatchObject([{ state: 'half-open', dueInMs: 0 }]);
    permit?.success();
    expect(store.told).toEqual([]);
  });

  it('leaves out what somebody forced open', () => {
    breaker.forceOpen();
    expect(store.told).toEqual([]);
  });

  it('has no key in it', () => {
    const registry = new CircuitBreakerRegistry();
    sharing = new BreakerSharing(registry, store, clock);
    sharing.start();
    const keyed = registry.getOrCreateKeyed({ name: 'Mailer.send', options: { clock, failureThreshold: 1 } }, 2);
    for (const key of ['tenant-42', 'tenant-43']) keyed.get(key).tryAcquire()?.failure(new Error('down'));
    expect(JSON.stringify(store.told)).not.toContain('tenant');
    expect(store.told.map(({ circuit }) => circuit)).toEqual([
      expect.stringMatching(/^Mailer\.send\[[0-9a-f]{32}\]$/),
      expect.stringMatching(/^Mailer\.send\[[0-9a-f]{32}\]$/),
    ]);
    expect(new Set(store.told.map(({ circuit }) => circuit)).size).toBe(2);
    // The least recently used breaker goes, and with it what is told of it.
    keyed.get('tenant-44');
    expect(store.told).toHaveLength(1);
  });
});

describe('after a restart', () => {
  const KEPT: CircuitReport = { circuit: 'pay', state: 'open', step: 3, tripCount: 7, dueInMs: 5_000 };

  it('an open circuit is open with what is left of its wait, and its backoff', () => {
    sharing.resumed([KEPT]);
    expect(breaker.status()).toMatchObject({ state: 'open', tripCount: 7 });
    // A snapshot is aged by the wall clock, which may move by a millisecond meanwhile.
    expect(Math.abs(breaker.status().retryAfterMs - 5_000)).toBeLessThan(500);
    clock.advance(5_000);
    fail();
    expect(store.settled).toEqual([{ circuit: 'pay', keep: { forMs: 80_000, step: 4 } }]);
  });

  it('a breaker that is made later gets what is left by then; until that it is kept, and is no hint', () => {
    const registry = new CircuitBreakerRegistry();
    sharing = new BreakerSharing(registry, store, clock);
    sharing.start();
    sharing.resumed([KEPT]);
    expect(store.told).toEqual([{ ...KEPT, state: 'kept' }]);
    clock.advance(2_000);
    const status = registry.create('pay', { clock }).status();
    expect(status.state).toBe('open');
    expect(Math.abs(status.retryAfterMs - 3_000)).toBeLessThan(500);
    expect(store.told).toMatchObject([{ state: 'open', dueInMs: 3_000 }]);
  });

  it('does not open what somebody took into his hands', () => {
    breaker.disable();
    sharing.resumed([KEPT]);
    expect(breaker.status().mode).toBe('disabled');
  });
});

it('leaves breakers as if alone when it stops', () => {
  sharing.heard([HINT]);
  sharing.stop();
  fail(4);
  expect(state()).toBe('closed');
  fail();
  clock.advance(10_000);
  expect(breaker.tryAcquire()).toBeDefined();
  expect(store.claims).toBe(0);
});
