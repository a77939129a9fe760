import { Breaker } from '../../../lib/breaker/breaker.js';
import type { BreakerSnapshot } from '../../../lib/contracts/breaker.js';
import { manualClock } from '../../support/manual-clock.js';

const made = (): { breaker: Breaker; clock: ReturnType<typeof manualClock> } => {
  const clock = manualClock(0);
  return { clock, breaker: new Breaker({ clock, jitter: 0, failureThreshold: 1, recoveryTimeout: 1_000 }) };
};

it('of an open circuit has been closed for no time, and keeps how often it has opened', () => {
  const { breaker, clock } = made();
  clock.advance(5_000);
  expect(breaker.snapshot()).toMatchObject({ state: 'closed', closedForMs: 5_000, backoffStep: 0 });
  for (let trip = 1; trip <= 3; trip += 1) {
    breaker.tryAcquire()?.failure(new Error('down'));
    expect(breaker.snapshot()).toMatchObject({ state: 'open', closedForMs: 0, backoffStep: trip });
    clock.advance(300_000);
  }
  const other = made().breaker;
  other.restore(breaker.snapshot());
  expect(other.snapshot().backoffStep).toBe(3);
  other.restore({ ...breaker.snapshot(), backoffStep: 0 });
  expect(other.snapshot().backoffStep).toBe(1);
});

it.each([
  { what: 'another version', wrong: { version: 2 } },
  { what: 'an unknown state', wrong: { state: 'half-open' } },
  { what: 'half a trip', wrong: { tripCount: 0.5 } },
  { what: 'a negative wait', wrong: { retryAfterMs: -1 } },
])('with $what is refused, and the error tells how to mend it', ({ wrong }) => {
  const { breaker } = made();
  const snapshot = { ...breaker.snapshot(), ...wrong } as unknown as BreakerSnapshot;
  expect(() => breaker.restore(snapshot)).toThrow(/^snapshot.* Give the return value of Breaker#snapshot\(\)\.$/);
});

it.each([undefined, null, 'text'])('is not %s', (wrong) => {
  expect(() => made().breaker.restore(wrong as unknown as BreakerSnapshot)).toThrow(/snapshot/);
});
