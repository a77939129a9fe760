import { memoryBackend } from '../../../lib/backends/memory/memory.backend.js';
import type { Backend } from '../../../lib/contracts/backend.js';
import { asForBackends, breakerName, ownDeadlineMs } from '../../../lib/limiter/backend-breaker.js';
import { BackendUse } from '../../../lib/limiter/backend-use.js';

/** A backend that tells what happens to it. */
function watched() {
  const told: string[] = [];
  const listeners: (() => void)[] = [];
  const backend: Backend = Object.assign(memoryBackend(), {
    open: () => void told.push('open'),
    close: () => void told.push('close'),
    onConnected: (listener: () => void) => {
      told.push('listen');
      listeners.push(listener);
      return () => void told.push('forget');
    },
  });
  const useOf = (): BackendUse => new BackendUse(backend, () => told.push('connected'));
  return { backend, told, useOf, connect: () => listeners.forEach((listener) => listener()) };
}

describe('the use of a backend', () => {
  it('opens it once, hears its connections, and closes it once', () => {
    const { told, useOf, connect } = watched();
    const use = useOf();
    expect(use.isOpen).toBe(false);
    use.open();
    use.open();
    expect(use.isOpen).toBe(true);
    connect();
    void use.close();
    void use.close();
    expect(use.isOpen).toBe(false);
    use.join();
    use.open();
    expect(use.isOpen).toBe(false);
    expect(told).toEqual(['listen', 'open', 'connected', 'forget', 'close']);
  });

  it('ends with the last application that has joined, however often each did', () => {
    const { told, useOf } = watched();
    const [idle, busy] = [useOf(), useOf()];
    idle.join();
    idle.join();
    busy.join();
    busy.open();
    expect(idle.isOpen).toBe(false);
    void busy.close();
    expect(told).toEqual(['listen', 'open', 'forget']);
    void idle.close();
    expect(told).toEqual(['listen', 'open', 'forget', 'close']);
  });

  it('opens it again for an application that comes later', () => {
    const { told, useOf } = watched();
    for (let time = 0; time < 2; time += 1) {
      const use = useOf();
      use.open();
      void use.close();
    }
    expect(told.filter((what) => what === 'open' || what === 'close')).toEqual(['open', 'close', 'open', 'close']);
  });

  it('is not that of an application which has not joined', () => {
    const { told, useOf } = watched();
    const user = useOf();
    user.join();
    void useOf().close();
    expect(told).toEqual([]);
    void user.close();
    expect(told).toEqual(['close']);
  });

  it('closes a backend that nobody has opened', () => {
    const { told, useOf } = watched();
    void useOf().close();
    expect(told).toEqual(['close']);
  });

  it('needs neither opening nor connections', async () => {
    const backend = Object.assign(memoryBackend(), { open: undefined, onConnected: undefined }) as unknown as Backend;
    const use = new BackendUse(backend, () => undefined);
    use.open();
    expect(use.isOpen).toBe(true);
    await use.close();
    expect(use.isOpen).toBe(false);
  });

  it('hands on what its backend answers when it closes', async () => {
    const failing = Object.assign(memoryBackend(), { close: () => Promise.reject(new Error('stuck')) });
    await expect(new BackendUse(failing, () => undefined).close()).rejects.toThrow('stuck');
  });
});

describe('the breaker of a backend', () => {
  it('has the name of the backend', () => {
    expect(breakerName('redis')).toBe('backend:redis');
  });

  it.each([
    [{}, { recoveryTimeout: 1_000, resetTimeout: 1_000, backoffMax: 60_000 }],
    [{ recoveryTimeout: '10s' }, { recoveryTimeout: '10s', resetTimeout: 1_000, backoffMax: 60_000 }],
    [{ recoveryTimeout: '10m' }, { recoveryTimeout: '10m', resetTimeout: 1_000, backoffMax: 600_000 }],
    [
      { backoffMax: '5m', resetTimeout: 7 },
      { recoveryTimeout: 1_000, resetTimeout: 7, backoffMax: '5m' },
    ],
    [{ failureThreshold: 3 }, { failureThreshold: 3, recoveryTimeout: 1_000, resetTimeout: 1_000, backoffMax: 60_000 }],
  ] as const)('with the options %j is one with %j', (options, expected) => {
    expect(asForBackends(options)).toEqual(expected);
  });

  it('refuses an open period that is wrong, by its path', () => {
    expect(() => asForBackends({ recoveryTimeout: 'soon' })).toThrow(
      "circuitBreaker.recoveryTimeout: received 'soon'.",
    );
  });

  it.each([
    [false, Number.POSITIVE_INFINITY],
    [{}, Number.POSITIVE_INFINITY],
    [{ callTimeout: '2s' }, 2_000],
    [{ callTimeout: 5 }, 5],
  ] as const)('with the options %j has a deadline of %d ms', (options, expected) => {
    expect(ownDeadlineMs(options)).toBe(expected);
  });

  it('refuses a deadline that is wrong, by its path', () => {
    expect(() => ownDeadlineMs({ callTimeout: 'soon' })).toThrow("circuitBreaker.callTimeout: received 'soon'.");
  });
});
