import type { CallOutcome, ChargeOn } from 'nestjs-floodgate';
import { unitsDue } from '../../../lib/limiter/outcome-judge.js';

const COST = 3;

const due = (chargeOn: ChargeOn, outcome: CallOutcome): number => unitsDue(chargeOn, outcome, COST);

describe('the units that a call is charged by its outcome', () => {
  it.each<[what: string, outcome: CallOutcome, isFailure: boolean]>([
    ['an answer', { status: 200, result: 'ok' }, false],
    ['a redirect', { status: 302 }, false],
    ['the last status below 400', { status: 399 }, false],
    ['the first status of a failure', { status: 400 }, true],
    ['an error of the server', { status: 503 }, true],
    ['an error', { error: new Error('broken') }, true],
    ['undefined that was thrown', { error: undefined }, true],
    ['an error behind a status of 200', { status: 200, error: new Error('broken midway') }, true],
    ['a result without a status', { result: { ok: true } }, false],
    ['nothing', {}, false],
  ])('of %s', (_what, outcome, isFailure) => {
    expect(due('failure', outcome)).toBe(isFailure ? COST : 0);
    expect(due('success', outcome)).toBe(isFailure ? 0 : COST);
  });

  it('are what a function answers: the cost, nothing, or a number', () => {
    expect(due(() => true, {})).toBe(COST);
    expect(due(() => false, {})).toBe(0);
    expect(due(() => 0, {})).toBe(0);
    expect(due(({ result }) => (result as unknown[]).length, { result: Array(700) })).toBe(700);
  });

  it.each([
    [-1, '-1'],
    [0.5, '0.5'],
    [Number.NaN, 'NaN'],
    [Number.POSITIVE_INFINITY, 'Infinity'],
    ['5', 'string'],
    [undefined, 'undefined'],
    [null, 'object'],
    [{}, 'object'],
  ])('are never %p', (answer, found) => {
    expect(() => due(() => answer as never, {})).toThrow(
      new TypeError(`It returned ${found}: return true, false or a whole number of at least 0.`),
    );
  });

  it('are never a promise, and what it rejects with is handled', async () => {
    expect(() => due((() => Promise.reject(new Error('late'))) as never, {})).toThrow(/promise/);
    await new Promise(setImmediate);
  });
});
