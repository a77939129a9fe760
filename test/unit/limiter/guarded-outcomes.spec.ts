import { type Backend, BackendUnavailableError } from 'nestjs-floodgate';
import { GuardedBackend } from '../../../lib/limiter/guarded-backend.js';
import { memoryBackend } from '../../../lib/backends/memory/memory.backend.js';

const request = { charges: [], timeoutMs: 5_000 };

const replacing = (verbs: Partial<Backend>): Backend => Object.assign(memoryBackend(), verbs);

describe('a guarded backend', () => {
  it('hands on the time after which the backend itself says that trying again makes sense', async () => {
    const error = new BackendUnavailableError({ backend: 'memory', retryAfterMs: 30_000 });
    const guard = new GuardedBackend(replacing({ consume: () => Promise.reject(error) }));
    await expect(guard.consume(request)).rejects.toMatchObject({ retryAfterMs: 30_000 });
  });

  it('waits for a probe as long as its call may take', async () => {
    let now = 0;
    let down = true;
    const consume: Backend['consume'] = async () => {
      if (down) throw new BackendUnavailableError({ backend: 'memory' });
      now += 500;
      return { allowed: true, nowMs: 0, policies: [] };
    };
    const guard = new GuardedBackend(replacing({ consume }));
    const circuitBreaker = { failureThreshold: 1, recoveryTimeout: 100, jitter: 0, clock: () => now };
    guard.connect({ circuitBreaker, timeoutMs: 50, notify: () => undefined });
    await expect(guard.consume(request)).rejects.toThrow(BackendUnavailableError);
    down = false;
    now += 100;
    await guard.consume(request);
    expect(guard.breaker?.status()).toMatchObject({ state: 'closed', tripCount: 1, lateOutcomes: 0 });
  });

  it('makes no ping while its circuit is open', async () => {
    let pings = 0;
    const guard = new GuardedBackend(
      replacing({
        ping: () => {
          pings += 1;
        },
      }),
    );
    guard.breaker?.forceOpen();
    expect(() => guard.pingWithin(50)).toThrow(BackendUnavailableError);
    expect(pings).toBe(0);
  });

  it('opens a backend for the first application that uses it, and closes it after the last', () => {
    const calls: string[] = [];
    const backend = replacing({ open: () => void calls.push('open'), close: () => void calls.push('close') });
    const settings = { circuitBreaker: {}, timeoutMs: 50, notify: () => undefined };
    const started = (): GuardedBackend => {
      const guard = new GuardedBackend(backend);
      guard.connect(settings);
      guard.join();
      return guard;
    };
    const [one, other] = [started(), started()];
    expect(calls).toEqual([]);
    one.open();
    other.open();
    expect(calls).toEqual(['open']);
    void one.close();
    void one.close();
    expect(calls).toEqual(['open']);
    void other.close();
    expect(calls).toEqual(['open', 'close']);
    started().open();
    expect(calls).toEqual(['open', 'close', 'open']);
  });

  it('opens a backend with the first call, and not again after its application has ended', async () => {
    const calls: string[] = [];
    const guard = new GuardedBackend(replacing({ open: () => void calls.push('open') }));
    expect(calls).toEqual([]);
    await guard.consume(request);
    await guard.consume(request);
    expect(calls).toEqual(['open']);
    await guard.close();
    await guard.consume(request);
    expect(calls).toEqual(['open']);
  });

  it('does not count an application that never started as one that uses the backend', () => {
    const calls: string[] = [];
    const backend = replacing({ close: () => void calls.push('close') });
    const [failed, running] = [new GuardedBackend(backend), new GuardedBackend(backend)];
    failed.connect({ circuitBreaker: {}, timeoutMs: 50, notify: () => undefined });
    running.open();
    void running.close();
    expect(calls).toEqual(['close']);
  });
});
