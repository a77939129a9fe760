import { setTimeout as delay } from 'node:timers/promises';
import { RunningClock } from './running-clock.js';

/** Lets no timer run. */
function block(milliseconds: number): void {
  const untilMs = performance.now() + milliseconds;
  while (performance.now() < untilMs);
}

describe('a running clock', () => {
  it('goes on while the process waits', async () => {
    using clock = new RunningClock();
    const beginMs = clock.now();
    for (let wait = 0; wait < 10; wait += 1) await delay(20);
    // Every wait counts with what one tick may count at most, or less.
    expect(clock.now() - beginMs).toBeGreaterThan(100);
  });

  it('leaves out what the process stood still', async () => {
    using clock = new RunningClock();
    const beginMs = clock.now();
    block(1_000);
    await delay(1);
    expect(clock.now() - beginMs).toBeLessThan(500);
  });
});
