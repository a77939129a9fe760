import { jest } from '@jest/globals';
import { UnsentCommands } from '../../../../lib/backends/redis/unsent-commands.js';

const PATIENCE_MS = 100;

beforeEach(() => jest.useFakeTimers());

afterEach(() => jest.useRealTimers());

it('drops a command that waits for longer than its patience, and within twice as long', () => {
  const unsent = new UnsentCommands(PATIENCE_MS);
  const dropped: string[] = [];
  unsent.addEventListener('abort', () => dropped.push('first'));
  jest.advanceTimersByTime(PATIENCE_MS - 1);
  unsent.addEventListener('abort', () => dropped.push('second'));
  jest.advanceTimersByTime(PATIENCE_MS);
  expect(dropped).toEqual([]);
  unsent.addEventListener('abort', () => dropped.push('third'));
  jest.advanceTimersByTime(1);
  expect(dropped).toEqual(['first', 'second']);
  jest.advanceTimersByTime(PATIENCE_MS);
  expect(dropped).toEqual(['first', 'second', 'third']);
  expect(unsent.aborted).toBe(false);
});

it.each([0, PATIENCE_MS])('forgets a command that is sent after %i ms', (afterMs) => {
  const unsent = new UnsentCommands(PATIENCE_MS);
  const listener = jest.fn();
  unsent.addEventListener('abort', listener);
  jest.advanceTimersByTime(afterMs);
  unsent.removeEventListener('abort', listener);
  jest.advanceTimersByTime(10 * PATIENCE_MS);
  unsent.abort();
  expect(listener).not.toHaveBeenCalled();
});

it('drops all when it aborts, each once', () => {
  const unsent = new UnsentCommands(PATIENCE_MS);
  const dropped: string[] = [];
  unsent.addEventListener('abort', () => dropped.push('older'));
  jest.advanceTimersByTime(PATIENCE_MS);
  unsent.addEventListener('abort', () => dropped.push('recent'));
  unsent.abort();
  expect(unsent.aborted).toBe(true);
  jest.advanceTimersByTime(10 * PATIENCE_MS);
  expect(dropped).toEqual(['older', 'recent']);
});

it('has no timer while nothing waits', () => {
  const unsent = new UnsentCommands(PATIENCE_MS);
  const listener = (): void => undefined;
  expect(jest.getTimerCount()).toBe(0);
  unsent.addEventListener('abort', listener);
  unsent.removeEventListener('abort', listener);
  expect(jest.getTimerCount()).toBe(1);
  jest.advanceTimersByTime(PATIENCE_MS);
  expect(jest.getTimerCount()).toBe(0);
  unsent.addEventListener('abort', listener);
  unsent.abort();
  expect(jest.getTimerCount()).toBe(0);
});
