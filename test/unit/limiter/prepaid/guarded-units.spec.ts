import { setImmediate as tick } from 'node:timers/promises';
import { GuardedBackend } from '../../../../lib/limiter/guarded-backend.js';
import { failoverBackend } from '../../../../lib/limiter/failover.backend.js';
import { memoryBackend } from '../../../../lib/backends/memory/memory.backend.js';
import { BackendUnavailableError } from '../../../../lib/contracts/errors.js';
import { manualClock } from '../../../support/manual-clock.js';
import { refused, ScriptedBackend } from '../failover/scripted-backend.js';
import { leasedPolicy } from './prepaid-store.js';

const call = (cost = 1) => ({
  charges: [{ key: 'k', policy: leasedPolicy({ windowMs: 86_400_000 }), cost }],
  timeoutMs: 1_000,
});

function guarded() {
  const inner = new ScriptedBackend('store', { async: true });
  const guard = new GuardedBackend(inner);
  const clock = manualClock(0);
  guard.connect({
    circuitBreaker: { clock, failureThreshold: 1, recoveryTimeout: '10s', jitter: 0 },
    timeoutMs: 1_000,
    notify: () => undefined,
  });
  return { inner, guard, clock };
}

it('hands out through an open circuit', async () => {
  const { inner, guard } = guarded();
  await guard.consume(call());
  inner.error = refused();
  await expect(guard.peek(call())).rejects.toBeInstanceOf(BackendUnavailableError);
  expect(guard.isClosed()).toBe(false);
  expect(guard.consume(call(9))).toMatchObject({ allowed: true, source: 'cache' });
  await expect((async () => guard.consume(call()))()).rejects.toBeInstanceOf(BackendUnavailableError);
});

it('takes back what it handed out through an open circuit, which learns nothing of it', async () => {
  const { inner, guard, clock } = guarded();
  await guard.consume(call(5));
  inner.error = refused();
  await expect(guard.peek(call())).rejects.toBeInstanceOf(BackendUnavailableError);
  inner.drain();
  // A probe is due.
  clock.advance(10_000);
  await guard.refund(call(5));
  expect(guard.breaker?.status().state).toBe('open');
  expect(guard.consume(call(10))).toMatchObject({ source: 'cache' });
  expect(inner.drain()).toEqual([]);
});

it('gives back what is held before the backend is closed', async () => {
  const { inner, guard } = guarded();
  await guard.consume(call());
  await guard.close();
  expect(inner.drain()).toEqual(['consume', 'refund', 'close']);
});

it('closes within the deadline of a call though giving back is not answered', async () => {
  const { inner, guard } = guarded();
  await guard.consume({ ...call(), timeoutMs: 50 });
  inner.silent = true;
  const closing = guard.close();
  await tick();
  inner.silent = false;
  await closing;
  expect(inner.drain()).toEqual(['consume', 'refund', 'close']);
});

it('leaves a backend alone that decides in the process', () => {
  const guard = new GuardedBackend(memoryBackend());
  expect(guard.consume(call())).toMatchObject({ allowed: true, policies: [{ remaining: 149 }] });
  expect((guard.consume(call()) as { source?: string }).source).toBeUndefined();
});

it('is held for each member of a failover apart', async () => {
  const [first, second] = [
    new ScriptedBackend('first', { async: true }),
    new ScriptedBackend('second', { async: true }),
  ];
  const failover = failoverBackend([first, second]);
  await failover.consume(call());
  expect(await failover.consume(call())).toMatchObject({ backend: 'first', source: 'cache' });
  first.error = refused();
  // What the first one holds is the word of the first one.
  expect(await failover.consume(call())).toMatchObject({ backend: 'first', source: 'cache' });
  expect(await failover.consume(call(8))).toMatchObject({ backend: 'second', source: 'fallback' });
  await failover.refund({ ...call(2), backend: 'first' });
  expect(first.drain()).toEqual(['consume', 'consume']);
  expect(await failover.consume(call(9))).toMatchObject({ backend: 'first', source: 'cache' });
  first.error = undefined;
  await failover.close();
});
