import { idleSignal } from '../../../lib/breaker/idle.signal.js';

it('a signal that nobody can abort is shared by 2,000 calls, and no more', () => {
  const shares: number[] = [];
  let latest: AbortSignal | undefined;
  for (let call = 0; call < 7_000; call += 1) {
    const signal = idleSignal();
    if (signal !== latest) shares.push(0);
    latest = signal;
    shares.push((shares.pop() as number) + 1);
  }
  // The first may have been in use before, the last still is.
  const whole = shares.slice(1, -1);
  expect(whole.length).toBeGreaterThanOrEqual(2);
  expect(new Set(whole)).toEqual(new Set([2_000]));
});
