import { Breaker } from '../../../lib/breaker/breaker.js';
import type { CircuitPeers } from '../../../lib/breaker/circuit.peers.js';
import type { BreakerTransition } from '../../../lib/contracts/breaker.js';
import { manualClock, type ManualClock } from '../../support/manual-clock.js';

const down = new Error('down');
const START_MS = 1_000;

let clock: ManualClock;
let breaker: Breaker;
let heard: BreakerTransition[];
beforeEach(() => {
  clock = manualClock(START_MS);
  breaker = new Breaker({ name: 'pay', clock, jitter: 0, recoveryTimeout: 10_000, callTimeout: 700 });
  heard = [];
  breaker.onTransition((transition) => heard.push(transition));
});

const trip = (): void => {
  for (let count = 0; count < 5; count += 1) breaker.tryAcquire()?.failure(down);
};

/** Peers that answer so, and note what they are asked. */
function peersThat(answers: { suspect?: boolean; mayProbe?: boolean }): CircuitPeers & { readonly asked: unknown[] } {
  const asked: unknown[] = [];
  return {
    asked,
    suspect: (nowMs) => {
      asked.push(['suspect', nowMs - START_MS]);
      return answers.suspect ?? false;
    },
    mayProbe: (nowMs, forMs) => {
      asked.push(['mayProbe', nowMs - START_MS, forMs]);
      return answers.mayProbe ?? true;
    },
  };
}

describe('a circuit with peers', () => {
  it('opens by one failure where they suspect the service', () => {
    breaker.join(peersThat({ suspect: true }));
    breaker.tryAcquire()?.success();
    expect(breaker.status().state).toBe('closed');
    breaker.tryAcquire()?.failure(down);
    expect(breaker.status()).toMatchObject({ state: 'open', tripCount: 1, retryAfterMs: 10_000 });
    expect(heard).toEqual([{ breaker: 'pay', from: 'closed', to: 'open', reason: 'tripped' }]);
  });

  it('asks them after each failure, and about each probe that is due', () => {
    const peers = peersThat({});
    breaker.join(peers);
    breaker.tryAcquire()?.success();
    clock.advance(5);
    breaker.tryAcquire()?.failure(down);
    expect(peers.asked).toEqual([['suspect', 5]]);
    trip();
    peers.asked.length = 0;
    expect(breaker.tryAcquire()).toBeUndefined();
    expect(peers.asked).toEqual([]);
    clock.advance(10_000);
    expect(breaker.tryAcquire(2_000)).toBeDefined();
    expect(peers.asked).toEqual([['mayProbe', 10_005, 4_000]]);
  });

  it('makes no probe that they do not let it make, and stays open', () => {
    breaker.join(peersThat({ mayProbe: false }));
    trip();
    clock.advance(10_000);
    expect(breaker.tryAcquire()).toBeUndefined();
    expect(breaker.status().state).toBe('open');
    expect(heard.map(({ to }) => to)).toEqual(['open']);
  });

  it('is alone again once it has left, and stays with peers that came later', () => {
    const leave = breaker.join(peersThat({ suspect: true }));
    const later = peersThat({});
    breaker.join(later);
    leave();
    breaker.tryAcquire()?.failure(down);
    expect(later.asked).toEqual([['suspect', 0]]);
    breaker.join(later)();
    breaker.tryAcquire()?.failure(down);
    expect(later.asked).toHaveLength(1);
  });
});

describe('what other processes are told of a circuit', () => {
  it('is nothing while it is closed, forced open or disabled', () => {
    expect(breaker.standing()).toBeUndefined();
    breaker.forceOpen();
    expect(breaker.standing()).toBeUndefined();
    breaker.disable();
    expect(breaker.standing()).toBeUndefined();
  });

  it('is when its next probe is due', () => {
    trip();
    expect(breaker.standing()).toEqual({ state: 'open', step: 1, tripCount: 1, dueInMs: 10_000 });
    clock.advance(9_999);
    expect(breaker.standing()?.dueInMs).toBe(1);
    clock.advance(2);
    expect(breaker.standing()?.dueInMs).toBe(0);
    breaker.tryAcquire();
    expect(breaker.standing()).toEqual({ state: 'half-open', step: 1, tripCount: 1, dueInMs: 0 });
  });

  it('is by its own clock', () => {
    expect(breaker.nowMs()).toBe(START_MS);
  });
});

describe('a circuit that others', () => {
  it('open has a probe due when theirs is, one step further', () => {
    breaker.openFor(300);
    expect(breaker.status()).toMatchObject({ state: 'open', tripCount: 1, retryAfterMs: 300 });
    expect(breaker.standing()?.step).toBe(1);
    expect(heard).toEqual([{ breaker: 'pay', from: 'closed', to: 'open', reason: 'peers' }]);
    breaker.configure({ recoveryTimeout: 100 });
    expect(breaker.status().retryAfterMs).toBe(100);
    breaker.openFor(9_000);
    expect(breaker.status()).toMatchObject({ tripCount: 1, retryAfterMs: 100 });
  });

  it('open hears no more of the calls that it made before', () => {
    const early = [breaker.tryAcquire(), breaker.tryAcquire()];
    breaker.openFor(300);
    early[0]?.success();
    clock.advance(300);
    breaker.tryAcquire();
    early[1]?.success();
    expect(breaker.status()).toMatchObject({ state: 'half-open', lateOutcomes: 2 });
  });

  it('probe waits as long as they do, and is no fewer steps on', () => {
    trip();
    breaker.follow(25_000, 4);
    expect(breaker.standing()).toEqual({ state: 'open', step: 4, tripCount: 1, dueInMs: 25_000 });
    breaker.follow(50, 2);
    expect(breaker.standing()).toMatchObject({ step: 4, dueInMs: 50 });
    breaker.follow(60);
    expect(breaker.standing()).toMatchObject({ step: 4, dueInMs: 60 });
    expect(heard).toHaveLength(1);
  });

  it('probe stays as it is unless it is open', () => {
    breaker.follow(25_000, 4);
    expect(breaker.status()).toMatchObject({ state: 'closed', retryAfterMs: 0 });
    expect(breaker.snapshot().backoffStep).toBe(0);
  });
});
