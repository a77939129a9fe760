import { monotonic, processClock } from '../../../lib/breaker/monotonic.clock.js';

/** What is read of a clock that shows these times, one after the other. */
function readings(...shown: readonly number[]): number[] {
  let index = -1;
  const clock = monotonic(() => shown[index] as number);
  return shown.map(() => {
    index += 1;
    return clock();
  });
}

describe('a clock that never steps back', () => {
  it.each([
    { shown: [5, 6, 6, 9], read: [5, 6, 6, 9] },
    { shown: [10, 4, 4, 5, 8], read: [10, 10, 10, 11, 14] },
    { shown: [10, 4, 9, 10, 12], read: [10, 10, 15, 16, 18] },
    { shown: [10, 4, 2, 3], read: [10, 10, 10, 11] },
    { shown: [10, NaN, 11], read: [10, 10, 11] },
    { shown: [10, Infinity, -Infinity, 11], read: [10, 10, 10, 11] },
    { shown: [NaN, 3], read: [0, 3] },
    { shown: [-5, -4], read: [0, 1] },
  ])('reads $shown as $read', ({ shown, read }) => {
    expect(readings(...shown)).toEqual(read);
  });

  it('is one for one clock, and another for another', () => {
    const [one, other] = [() => 1, () => 1];
    expect(monotonic(one)).toBe(monotonic(one));
    expect(monotonic(one)).not.toBe(monotonic(other));
  });

  it('of the process goes on', () => {
    const before = processClock();
    expect(before).toBeGreaterThan(0);
    expect(processClock()).toBeGreaterThanOrEqual(before);
  });
});
