import { runInNewContext } from 'node:vm';
import { jest } from '@jest/globals';
import { BackendUnavailableError } from '../../../lib/contracts/errors.js';
import type { RateLimitEvent } from '../../../lib/contracts/events.js';
import { OutageRecord } from '../../../lib/limiter/outage-record.js';
import { refused } from './failover/scripted-backend.js';

afterEach(() => jest.restoreAllMocks());

function recorded() {
  let nowMs = 5_000;
  jest.spyOn(performance, 'now').mockImplementation(() => nowMs);
  const told: RateLimitEvent[] = [];
  const record = new OutageRecord('store', (event) => told.push(event));
  return { record, told, pass: (ms: number) => (nowMs += ms) };
}

describe('the record of an outage', () => {
  it('is on from the first failure to the next answer', () => {
    const { record } = recorded();
    expect(record.isOn).toBe(false);
    record.failed(refused());
    expect(record.isOn).toBe(true);
    record.failed(refused());
    expect(record.isOn).toBe(true);
    record.answered();
    expect(record.isOn).toBe(false);
  });

  it('tells how long each took, to the millisecond, and how many calls failed', () => {
    const { record, told, pass } = recorded();
    const error = refused();
    record.answered();
    for (const [failures, ms] of [
      [3, 1_499.6],
      [1, 20],
    ] as const) {
      for (let failure = 0; failure < failures; failure += 1) record.failed(error);
      pass(ms);
      record.answered();
      record.answered();
    }
    const failure = { kind: 'backend-failure', backend: 'store', error };
    expect(told).toEqual([
      { kind: 'outage-started', backend: 'store', error },
      failure,
      failure,
      failure,
      { kind: 'outage-ended', backend: 'store', durationMs: 1_500, failures: 3 },
      { kind: 'outage-started', backend: 'store', error },
      failure,
      { kind: 'outage-ended', backend: 'store', durationMs: 20, failures: 1 },
    ]);
  });

  const cause = refused();
  const unavailable = new BackendUnavailableError({ backend: 'store', cause });
  const foreign = runInNewContext("new Error('of another realm')") as Error;
  const unavailableThere = new BackendUnavailableError({ backend: 'store', cause: foreign });
  const without = new BackendUnavailableError({ backend: 'store', cause: 'no error' });
  const chained = new Error('broken', { cause });
  it.each([
    ['the cause of what is unavailable', unavailable, cause],
    ['the cause that another realm made', unavailableThere, foreign],
    ['what is unavailable without an error as its cause', without, without],
    ['any other error, whatever its cause', chained, chained],
  ])('tells %s', (_what, error, expected) => {
    const { record, told } = recorded();
    record.failed(error);
    expect(told.map((event) => (event as { error?: Error }).error)).toEqual([expected, expected]);
    expect((told[0] as { error?: Error }).error).toBe(expected);
  });
});
