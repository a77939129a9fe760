import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { TestEnvironment } from 'jest-environment-node';

const GRACE_MS = 2_000;
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
    const deadline = performance.now() + GRACE_MS;
    while (this.#left().length > 0 && performance.now() < deadline) await pause(STEP_MS, undefined, { ref: false });
    const left = this.#left();
    if (left.length > 0) throw new Error(`The tests of this file left open: ${left.join(', ')}`);
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
