import { type Clock, install } from '@sinonjs/fake-timers';
import type { Decision, PolicyStatus } from '../../../lib/contracts/decision.js';
import type { RateLimitExceededException } from '../../../lib/contracts/rate-limit-exceeded.exception.js';
import { type Waiter, WaitingLine } from '../../../lib/limiter/waiting-line.js';

let clock: Clock;
let told: string[];
let line: WaitingLine;
let emptied: number;

beforeEach(() => {
  clock = install({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  told = [];
  emptied = 0;
  line = new WaitingLine(() => (emptied += 1));
});

afterEach(() => clock.uninstall());

const statusOf = (given: Partial<PolicyStatus>): PolicyStatus => ({
  name: 'p',
  limit: 10,
  windowMs: 60_000,
  allowed: true,
  remaining: 10,
  resetAfterMs: 60_000,
  retryAfterMs: 0,
  mode: 'enforce',
  ...given,
});

const allowed = (...policies: readonly Partial<PolicyStatus>[]): Decision => ({
  kind: 'allowed',
  allowed: true,
  source: 'primary',
  backend: 'memory',
  policies: policies.map(statusOf),
});

const limited = (retryAfterMs: number | null): Decision => ({
  kind: 'limited',
  allowed: false,
  source: 'primary',
  backend: 'memory',
  policies: [],
  retryAfterMs,
});

/** A call that tells what becomes of it; its attempts are answered in turn. */
function waiter(
  name: string,
  answers: readonly (Decision | Promise<Decision> | Error)[],
  given: Partial<Waiter> = {},
): Waiter {
  const left = [...answers];
  return {
    cost: 1,
    deadlineMs: 100_000,
    attempt: async () => {
      told.push(`${name} asks`);
      const answer = await left.shift();
      if (answer instanceof Error || answer === undefined) throw answer ?? new Error('asks once more');
      return answer;
    },
    refusal: ({ retryAfterMs }) => new Error(`refused for ${retryAfterMs}`) as unknown as RateLimitExceededException,
    admitted: () => told.push(`${name} passes`),
    rejected: (error) => told.push(`${name}: ${(error as Error).message}`),
    ...given,
  };
}

/** What happened since the last time, once time has passed. */
const news = async (ms = 0): Promise<readonly string[]> => {
  await clock.tickAsync(ms);
  return told.splice(0);
};

const passing = (name: string): Waiter => waiter(name, [allowed({})]);

describe('a line of waiting calls', () => {
  it('lets calls pass one after another, without a timer while units are free', async () => {
    ['a', 'b', 'c'].forEach((name) => line.join(passing(name)));
    expect(line.length).toBe(3);
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    expect(told.splice(0)).toEqual(['a asks', 'a passes', 'b asks', 'b passes', 'c asks', 'c passes']);
    expect([line.length, emptied, clock.countTimers()]).toEqual([0, 1, 0]);
    line.join(passing('d'));
    expect(await news()).toEqual(['d asks', 'd passes']);
    expect(emptied).toBe(2);
  });

  it.each<[string, Partial<PolicyStatus>[], number, number]>([
    ['until the next unit is free', [{ remaining: 0, nextUnitAfterMs: 300 }], 1, 300],
    ['until units for its cost are free', [{ remaining: 2, nextUnitAfterMs: 400 }], 3, 400],
    ['not at all if they are', [{ remaining: 3, nextUnitAfterMs: 400 }], 3, 0],
    ['until the window ends, where nobody knows of the next unit', [{ remaining: 0, resetAfterMs: 700 }], 1, 700],
    ['a second at most, where nobody knows', [{ remaining: 0, resetAfterMs: 7_000 }], 1, 1_000],
    ['not for a shadow policy', [{ remaining: 0, nextUnitAfterMs: 300, mode: 'shadow' }], 1, 0],
    [
      'for the last of several policies',
      [
        { remaining: 0, nextUnitAfterMs: 300 },
        { remaining: 0, nextUnitAfterMs: 500 },
        { remaining: 5, nextUnitAfterMs: 900 },
      ],
      1,
      500,
    ],
  ])('makes the next call wait %s', async (_what, statuses, cost, waitMs) => {
    line.join(waiter('a', [allowed(...statuses)]));
    line.join(waiter('b', [allowed({})], { cost }));
    if (waitMs > 0) {
      expect(await news(waitMs - 1)).toEqual(['a asks', 'a passes']);
      expect(await news(1)).toEqual(['b asks', 'b passes']);
    } else expect(await news()).toEqual(['a asks', 'a passes', 'b asks', 'b passes']);
  });

  it('makes a call that comes later wait, too, as one of the same cost', async () => {
    line.join(waiter('a', [allowed({ remaining: 1, nextUnitAfterMs: 300 })], { cost: 2 }));
    expect(await news(100)).toEqual(['a asks', 'a passes']);
    line.join(passing('b'));
    expect(await news(199)).toEqual([]);
    expect(await news(1)).toEqual(['b asks', 'b passes']);
  });

  it('asks again when a refused call passes, if that is before its deadline', async () => {
    line.join(waiter('a', [limited(500), allowed({})], { deadlineMs: 500 }));
    expect(await news(499)).toEqual(['a asks']);
    expect(await news(1)).toEqual(['a asks', 'a passes']);
    line.join(waiter('late', [limited(500)], { deadlineMs: 999 }));
    line.join(waiter('never', [limited(null)]));
    expect(await news()).toEqual(['late asks', 'late: refused for 500']);
    expect(await news(500)).toEqual(['never asks', 'never: refused for null']);
    line.join(passing('b'));
    expect(await news()).toEqual(['b asks', 'b passes']);
  });

  it('tells an error to the call that asked, and goes on', async () => {
    line.join(waiter('a', [new Error('away')]));
    line.join(passing('b'));
    expect(await news()).toEqual(['a asks', 'a: away', 'b asks', 'b passes']);
  });
});

describe('a call that leaves', () => {
  it('asks no more, from any place', async () => {
    const calls = [waiter('a', [limited(500)]), passing('b'), passing('c')];
    calls.forEach((call) => line.join(call));
    expect(await news(100)).toEqual(['a asks']);
    line.leave(calls[1]!);
    line.leave(calls[1]!);
    line.leave(calls[0]!);
    expect(line.length).toBe(1);
    expect(await news(399)).toEqual([]);
    expect(await news(1)).toEqual(['c asks', 'c passes']);
  });

  it('leaves no timer behind if it was the last', async () => {
    const call = waiter('a', [limited(500)]);
    line.join(call);
    await news();
    line.leave(call);
    await news();
    expect([emptied, clock.countTimers()]).toEqual([1, 0]);
  });

  it('while it asks keeps nobody else from asking', async () => {
    let answer: (decision: Decision) => void = () => undefined;
    const call = waiter('a', [new Promise<Decision>((resolve) => (answer = resolve))]);
    line.join(call);
    line.join(passing('b'));
    line.leave(call);
    answer(allowed({}));
    expect(await news()).toEqual(['a asks', 'a passes', 'b asks', 'b passes']);
  });
});
