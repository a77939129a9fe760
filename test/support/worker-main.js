import { register } from 'node:module';

/**
 * Starts a worker process: shifts its clock if asked to, and then runs `worker-runner.ts`. In JavaScript, since nothing
 * else runs before the hooks are registered.
 */

const skewMs = Number(process.env['WORKER_CLOCK_SKEW_MS'] ?? 0);
if (skewMs !== 0) shiftClock(skewMs);

register('./worker-hooks.js', import.meta.url);
await import('./worker-runner.js');

/** Makes this process believe that it is `ms` later; how fast time passes stays the same. */
function shiftClock(/** @type {number} */ ms) {
  const RealDate = Date;
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length > 0 ? args : [target.now() + ms], newTarget),
    apply: () => new RealDate(RealDate.now() + ms).toString(),
    get: (target, property, receiver) =>
      property === 'now' ? () => target.now() + ms : Reflect.get(target, property, receiver),
  });
  Object.defineProperty(performance, 'timeOrigin', { value: performance.timeOrigin + ms });
}
