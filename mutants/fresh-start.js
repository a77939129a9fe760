import timers from 'node:timers';
import { promisify } from 'node:util';
import { Logger } from '@nestjs/common';
import fc from 'fast-check';
import { chai, vi } from 'vitest';

// All specs of all mutants run in one thread. Here each starts as if it were the first: what the last one left running
// or replaced, as one does whose test fails, must not fail the next.

const STARTS = /** @type {const} */ ({
  setTimeout: 'clearTimeout',
  setInterval: 'clearInterval',
  setImmediate: 'clearImmediate',
});
const TIMERS = Object.entries(STARTS).flat();
/** @type {readonly { of: object; names: readonly string[] }[]} */
const REPLACED = [
  { of: globalThis, names: [...TIMERS, 'Date', 'queueMicrotask'] },
  { of: performance, names: ['now'] },
  { of: process, names: ['nextTick', 'hrtime'] },
  { of: timers, names: TIMERS },
  { of: timers.promises, names: Object.keys(STARTS) },
  { of: Logger, names: ['staticInstanceRef'] },
];
const EVENTS = ['unhandledRejection', 'uncaughtException'];

/** @typedef {(...given: unknown[]) => unknown} Call */
/** @type {(of: object, name: PropertyKey) => unknown} */
const read = Reflect.get;

const KEPT = Symbol.for('floodgate.mutants');
const known = /** @type {ReturnType<typeof firstStart> | undefined} */ (read(globalThis, KEPT));
const thread = known ?? firstStart();
Reflect.set(globalThis, KEPT, thread);

function firstStart() {
  /** @type {Map<unknown, string>} */
  const running = new Map();
  for (const [name, end] of Object.entries(STARTS)) {
    const start = /** @type {Call} */ (read(globalThis, name));
    const noted = (/** @type {unknown[]} */ ...given) => {
      const timer = start(...given);
      running.set(timer, end);
      return timer;
    };
    Reflect.set(noted, promisify.custom, read(start, promisify.custom));
    Reflect.set(globalThis, name, noted);
  }
  // That a test fails is enough. The simplest example of a property, or the difference between two applications, would
  // take longer than all tests.
  fc.configureGlobal({ endOnFailure: true });
  Object.assign(chai.AssertionError.prototype, { actual: undefined, expected: undefined, showDiff: false });
  return {
    running,
    originals: REPLACED.flatMap(({ of, names }) => names.map((name) => ({ of, name, original: read(of, name) }))),
    listeners: EVENTS.map((event) => ({ event, original: /** @type {Call[]} */ (process.rawListeners(event)) })),
  };
}

for (const { of, name, original } of thread.originals) {
  if (read(of, name) !== original) Reflect.set(of, name, original);
}
for (const [timer, end] of thread.running) /** @type {Call} */ (read(globalThis, end))(timer);
thread.running.clear();
for (const { event, original } of thread.listeners) {
  process.removeAllListeners(event);
  original.forEach((listener) => process.on(event, listener));
}

// Stryker: no mutant is active while modules load, and what is counted is of this spec alone.
const stryker = /** @type {object | undefined} */ (read(globalThis, '__stryker__'));
if (stryker !== undefined) Object.assign(stryker, { activeMutant: undefined, mutantCoverage: undefined });

vi.resetModules();
