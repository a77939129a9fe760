import { jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { type RateLimitEvent, RateLimitEvents } from 'nestjs-floodgate';
import { collectUnhandled } from '../../support/unhandled.js';

const event: RateLimitEvent = { kind: 'eviction', backend: 'memory', count: 1 };

describe('the event stream', () => {
  let complaints: jest.SpiedFunction<Logger['error']>;
  beforeEach(() => {
    complaints = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
  });
  afterEach(() => {
    complaints.mockRestore();
  });

  it('tells each listener of each event, in the order of listening', () => {
    const events = new RateLimitEvents();
    const heard: unknown[] = [];
    events.on((one) => heard.push(['first', one]));
    events.on((one) => heard.push(['second', one]));
    events.emit(event);
    expect(heard).toEqual([
      ['first', event],
      ['second', event],
    ]);
  });

  it('stops telling one that listens no more, and only that one', () => {
    const events = new RateLimitEvents();
    const listener = jest.fn();
    const stop = events.on(listener);
    events.on(listener);
    stop();
    stop();
    events.emit(event);
    expect(listener).toHaveBeenCalledTimes(1);
  });

  it('goes on when a listener stops listening, or another joins, meanwhile', () => {
    const events = new RateLimitEvents();
    const late = jest.fn();
    const other = jest.fn();
    const stop = events.on(() => {
      stop();
      events.on(late);
    });
    events.on(other);
    events.emit(event);
    expect([late, other].map(({ mock }) => mock.calls.length)).toEqual([0, 1]);
    events.emit(event);
    expect([late, other].map(({ mock }) => mock.calls.length)).toEqual([1, 2]);
  });

  it.each<[string, () => void]>([
    [
      'throws',
      () => {
        throw new Error('bug');
      },
    ],
    [
      'throws no error',
      () => {
        throw 'bug' as unknown as Error;
      },
    ],
    [
      'rejects',
      async () => {
        throw new Error('bug');
      },
    ],
  ])('logs a listener that %s, and tells the others', async (_how, listener) => {
    const events = new RateLimitEvents();
    const other = jest.fn();
    events.on(listener);
    events.on(other);
    const { unhandled } = await collectUnhandled(() => events.emit(event));
    expect(unhandled).toEqual([]);
    expect(other).toHaveBeenCalledWith(event);
    expect(complaints).toHaveBeenCalledWith("A listener of 'eviction' failed", expect.stringContaining('bug'));
  });
});
