import { setImmediate as turn } from 'node:timers/promises';
import { runInThisContext } from 'node:vm';

/** Jest gives tests a copy of `process` that hears nothing; the events are on the real one. */
const realProcess = runInThisContext('process') as NodeJS.Process;

const EVENTS = ['unhandledRejection', 'uncaughtException'] as const;

/** What a block did, and what nobody caught meanwhile. */
export interface Watched<T> {
  readonly result: T;
  /** Rejections and exceptions that reached the process, oldest first. */
  readonly unhandled: readonly unknown[];
}

/**
 * Runs a block and collects every rejection and exception that nobody caught until shortly after it ended. They harm
 * neither the process nor the test meanwhile.
 *
 * @throws what the block throws
 */
export async function collectUnhandled<T>(block: () => T | Promise<T>): Promise<Watched<T>> {
  const unhandled: unknown[] = [];
  const collect = (error: unknown): void => void unhandled.push(error);
  const others = EVENTS.map((event) => realProcess.rawListeners(event) as (() => void)[]);
  EVENTS.forEach((event) => realProcess.removeAllListeners(event).on(event, collect));
  try {
    const result = await block();
    await settle();
    return { result, unhandled };
  } finally {
    EVENTS.forEach((event, index) => {
      realProcess.removeListener(event, collect);
      others[index]?.forEach((listener) => realProcess.on(event, listener));
    });
  }
}

/**
 * Runs a block, and demands that it leaves no rejection and no exception unhandled.
 *
 * @throws AggregateError of all that were; or what the block throws
 */
export async function expectNoUnhandled<T>(block: () => T | Promise<T>): Promise<T> {
  const { result, unhandled } = await collectUnhandled(block);
  if (unhandled.length > 0) {
    throw new AggregateError(unhandled, `${unhandled.length} unhandled: ${unhandled.map(String).join('; ')}`);
  }
  return result;
}

/** Node reports a rejection once the microtasks of its turn are done. */
async function settle(): Promise<void> {
  await turn();
  await turn();
}
