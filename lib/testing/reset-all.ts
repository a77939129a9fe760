import type { INestApplicationContext } from '@nestjs/common';
import { CircuitBreakerRegistry } from '../breaker/breaker.registry.js';
import { Decider } from '../limiter/decider.js';
import { PolicyStoreSync } from '../limiter/policy-store.sync.js';
import { UNCHANGED } from '../policies/policy-document.js';

/**
 * Resets an application between tests: counters in memory, open circuits of backends and methods, changes of policies
 * at run time, and the behaviour of a `faultyBackend()`. Use it in `beforeEach` if tests share an application.
 *
 * @throws Error if a backend keeps its counters outside of this process: use another `keyPrefix` or table for each test
 * @example
 * beforeEach(() => resetAll(app));
 */
export async function resetAll(app: INestApplicationContext): Promise<void> {
  const kept = app.get(Decider, { strict: false }).clear();
  app.get(CircuitBreakerRegistry, { strict: false }).resetAll();
  await app.get(PolicyStoreSync, { strict: false }).change(() => UNCHANGED);
  if (kept.length > 0) {
    const names = kept.map((name) => `'${name}'`).join(', ');
    throw new Error(
      `resetAll() cannot forget the counters of ${names}: they are outside of this process. Use memoryBackend() or faultyBackend() in this test, or another keyPrefix for each test.`,
    );
  }
}
