import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { TestEnvironment } from 'jest-environment-node';

/** Looks, not time: on a busy machine the process may get no turn for seconds. */
const LOOKS = 100;
const STEP_MS = 20;

/**
 * What test files kept in storages of their own. Node before 24 looks at each for every promise that is made, for the
 * life of the process.
 *
 * @type {Set<AsyncLocalStorage<unknown>>}
 */
const storages = new Set();
/** @type {Record<string, (this: AsyncLocalStorage<unknown>, ...args: unknown[]) => unknown>} */
const methods = /** @type {never} */ (AsyncLocalStorage.prototype);
for (const name of ['run', 'enterWith']) {
  const method = methods[name];
  methods[name] = function (...args) {
    storages.add(this);
    return method?.apply(this, args);
  };
}

/** Node's environment, in which a test file that leaves a socket, a server, a process or a timer behind fails. */
export default class TidyEnvironment extends TestEnvironment {
  /** @type {Map<string, number>} */
  #before = new Map();
  #failed = false;

  /** @override */
  async setup() {
    await super.setup();
    this.#before = openResources();
  }

  /** @override */
  async teardown() {
    await super.teardown();
    for (const storage of storages) storage.disable();
    storages.clear();
    for (let look = 0; look < LOOKS && this.#left().length > 0; look += 1)
      await pause(STEP_MS, undefined, { ref: false });
    const left = this.#left();
    // Jest would show this error in place of the failures, which are its cause.
    if (left.length > 0 && !this.#failed) throw new Error(`The tests of this file left open: ${left.join(', ')}`);
  }

  /** @param {import('@jest/types').Circus.Event} event */
  handleTestEvent(event) {
    if (event.name === 'test_done' && event.test.errors.length > 0) this.#failed = true;
  }

  #left() {
    const kinds = [];
    for (const [kind, count] of openResources()) {
      const more = count - (this.#before.get(kind) ?? 0);
      if (more > 0) kinds.push(`${more} ${kind}`);
    }
    return kinds;
  }
}

/** How many of each kind keep this process alive. */
function openResources() {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}
