import { jest } from '@jest/globals';
import { Breaker } from '../../../lib/breaker/breaker.js';
import type { BreakerSnapshot } from '../../../lib/contracts/breaker.js';
import { manualClock } from '../../support/manual-clock.js';
import { thrownBy } from '../policies/thrown.js';

const TAKEN_AT = 1_750_000_000_000;

const made = (): { breaker: Breaker; clock: ReturnType<typeof manualClock> } => {
  const clock = manualClock(0);
  return { clock, breaker: new Breaker({ clock, jitter: 0, failureThreshold: 1, recoveryTimeout: 1_000 }) };
};
const open: BreakerSnapshot = {
  version: 1,
  takenAt: TAKEN_AT,
  mode: 'auto',
  state: 'open',
  backoffStep: 3,
  tripCount: 5,
  retryAfterMs: 1_000,
  closedForMs: 0,
};

describe('a snapshot', () => {
  let wallMs: number;
  beforeEach(() => {
    wallMs = TAKEN_AT;
    jest.spyOn(Date, 'now').mockImplementation(() => wallMs);
  });
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('is all that a breaker keeps', () => {
    const { breaker, clock } = made();
    clock.advance(5_000);
    expect(breaker.snapshot()).toEqual({
      ...open,
      state: 'closed',
      backoffStep: 0,
      tripCount: 0,
      retryAfterMs: 0,
      closedForMs: 5_000,
    });
    breaker.tryAcquire()?.failure(new Error('down'));
    clock.advance(400);
    expect(breaker.snapshot()).toEqual({ ...open, backoffStep: 1, tripCount: 1, retryAfterMs: 600 });
    clock.advance(600);
    breaker.tryAcquire();
    expect(breaker.snapshot()).toEqual({ ...open, backoffStep: 1, tripCount: 1, retryAfterMs: 0 });
    breaker.forceOpen();
    expect(breaker.snapshot()).toEqual({
      ...open,
      mode: 'forced-open',
      state: 'closed',
      backoffStep: 1,
      tripCount: 1,
      retryAfterMs: 0,
    });
    breaker.disable();
    expect(breaker.snapshot()).toMatchObject({ mode: 'disabled', state: 'closed', backoffStep: 1 });
  });

  it.each([
    [0, 1_000],
    [400, 600],
    [1_000, 0],
    [9_000, 0],
    [-400, 1_000],
  ])('%s ms later has %s ms left', (passedMs, leftMs) => {
    const { breaker } = made();
    wallMs = TAKEN_AT + passedMs;
    breaker.restore(open);
    expect(breaker.status()).toMatchObject({ state: 'open', retryAfterMs: leftMs, tripCount: 5 });
    expect(breaker.snapshot()).toMatchObject({ backoffStep: 3, closedForMs: 0 });
  });

  it('waits no longer than the longest open period', () => {
    const { breaker } = made();
    breaker.restore({ ...open, retryAfterMs: 300_001 });
    expect(breaker.status().retryAfterMs).toBe(300_000);
  });

  it.each(['forced-open', 'disabled'] as const)('keeps the step of a breaker that is %s', (mode) => {
    const { breaker } = made();
    breaker.restore({ ...open, mode, state: 'closed' });
    expect(breaker.status()).toMatchObject({ mode, tripCount: 5 });
    expect(breaker.snapshot().backoffStep).toBe(3);
    breaker.enable();
    breaker.tryAcquire()?.failure(new Error('down'));
    expect(breaker.snapshot().backoffStep).toBe(4);
  });

  it('counts the time between for a closed circuit', () => {
    const { breaker } = made();
    wallMs = TAKEN_AT + 700;
    breaker.restore({ ...open, state: 'closed', closedForMs: 300 });
    expect(breaker.snapshot()).toMatchObject({ state: 'closed', closedForMs: 1_000, backoffStep: 3 });
    wallMs = TAKEN_AT - 700;
    breaker.restore({ ...open, state: 'closed', closedForMs: 300 });
    expect(breaker.snapshot().closedForMs).toBe(300);
  });

  it.each([
    ['version', 0],
    ['mode', 'half-open'],
    ['state', 'forced-open'],
    ['backoffStep', -1],
    ['backoffStep', 1.5],
    ['tripCount', -1],
    ['tripCount', '5'],
    ['takenAt', -1],
    ['takenAt', Infinity],
    ['retryAfterMs', -1],
    ['retryAfterMs', Number.NaN],
    ['closedForMs', -1],
    ['closedForMs', Infinity],
  ])('with %s as %s is refused', (field, wrong) => {
    const { breaker } = made();
    const snapshot = { ...open, [field]: wrong } as BreakerSnapshot;
    expect(thrownBy(() => breaker.restore(snapshot))).toMatchObject({
      option: 'snapshot',
      received: snapshot,
      mend: 'Give the return value of Breaker#snapshot().',
    });
    expect(breaker.status()).toMatchObject({ state: 'closed', tripCount: 0 });
  });

  it('with nothing but zeros is one', () => {
    const { breaker } = made();
    breaker.restore({ ...open, takenAt: 0, state: 'closed', backoffStep: 0, tripCount: 0, retryAfterMs: 0 });
    expect(breaker.status()).toMatchObject({ state: 'closed', tripCount: 0 });
  });
});
