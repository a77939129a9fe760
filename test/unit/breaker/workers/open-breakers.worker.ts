import { Breaker } from '../../../../lib/breaker/breaker.js';

/** Leaves so many breakers open, as many calls without a deadline that never end, and as many that ended before theirs. */
export default async function leaveOpenBreakers(count: number): Promise<{ open: number; pending: number }> {
  const breakers = Array.from({ length: count }, (_, index) => new Breaker({ name: `b${index}`, failureThreshold: 1 }));
  for (const breaker of breakers) await breaker.execute(() => Promise.reject(new Error('down'))).catch(() => undefined);
  let pending = 0;
  const caller = new AbortController();
  const ended: Promise<unknown>[] = [];
  for (let index = 0; index < count; index += 1) {
    void new Breaker().execute(() => {
      pending += 1;
      return new Promise(() => undefined);
    });
    const bounded = new Breaker({ callTimeout: '1h' });
    const given = bounded.execute(() => new Promise(() => undefined), { signal: caller.signal });
    ended.push(
      bounded.execute(async () => 'done'),
      given.catch(() => 'given up'),
    );
  }
  caller.abort();
  await Promise.all(ended);
  return { open: breakers.filter((breaker) => breaker.status().state === 'open').length, pending };
}
