import { CLOCK_START_MS, manualClock } from '../../support/manual-clock.js';

describe('manualClock', () => {
  it('stands still until it is moved', () => {
    const clock = manualClock();
    expect(clock()).toBe(CLOCK_START_MS);
    expect(clock()).toBe(CLOCK_START_MS);
    clock.advance(250);
    expect(clock()).toBe(CLOCK_START_MS + 250);
  });

  it('goes back when told to', () => {
    const clock = manualClock(1_000);
    clock.advance(-400);
    expect(clock()).toBe(600);
    clock.set(5);
    expect(clock()).toBe(5);
  });

  it('starts aligned to days', () => {
    expect(CLOCK_START_MS % 86_400_000).toBe(0);
  });
});
