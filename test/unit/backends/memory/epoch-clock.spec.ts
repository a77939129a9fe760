import { jest } from '@jest/globals';
import { spawnWorkers } from '../../../support/child-process.js';
import { type Faker, observe, type Observed } from './faked-clock.js';
import type worker from './workers/faked-clock.worker.js';

const MINUTE = 60_000;

function jests(options: Parameters<typeof jest.useFakeTimers>[0]): Faker {
  return {
    begin: (now) => void jest.useFakeTimers({ ...options, now }),
    advance: (ms) => jest.advanceTimersByTime(ms),
    set: (now) => jest.setSystemTime(now),
    end: () => void jest.useRealTimers(),
  };
}

function expectToFollow({ apartMs, wentMs, allowed }: Observed, ageMs: number): void {
  // Fake timers begin `performance` at 0: whoever follows that is late by the age of the process.
  for (const apart of apartMs) expect(apart).toBeLessThan(ageMs / 2);
  expect(wentMs).toEqual([MINUTE, 24 * 60 * MINUTE, -60 * MINUTE]);
  expect(allowed).toEqual([true, false, true]);
}

afterEach(() => {
  jest.useRealTimers();
});

describe('the clock of the memory backend', () => {
  it.each<[string, Faker]>([
    ['fake timers of Jest', jests({})],
    ['fake timers of Jest that leave performance alone', jests({ doNotFake: ['performance'] })],
  ])('follows %s, and does not jump when they begin or end', (_what, faker) => {
    expectToFollow(observe(faker), performance.now());
  });

  it('follows those of other test runners', async () => {
    const before = performance.now();
    const [observed] = await spawnWorkers<typeof worker>(
      1,
      new URL('./workers/faked-clock.worker.ts', import.meta.url),
      null,
    );
    const ageMs = performance.now() - before;
    expect(Object.keys(observed!)).toHaveLength(5);
    for (const [name, one] of Object.entries(observed!)) {
      expect([name, one.wentMs, one.allowed]).toEqual([
        name,
        [MINUTE, 24 * 60 * MINUTE, -60 * MINUTE],
        [true, false, true],
      ]);
      expect(Math.max(...one.apartMs)).toBeLessThan(Math.max(ageMs / 2, 100));
    }
  });

  it('starts at the time that is faked already when it is loaded', async () => {
    jest.useFakeTimers({ now: Date.UTC(2030, 0, 1) });
    jest.resetModules();
    const { epochClock } = await import('../../../../lib/backends/memory/epoch-clock.js');
    jest.setSystemTime(Date.UTC(2031, 0, 1));
    expect(epochClock()).toBe(Date.UTC(2031, 0, 1));
    jest.useRealTimers();
    expect(Math.abs(epochClock() - Date.now())).toBeLessThan(60_000);
  });
});
