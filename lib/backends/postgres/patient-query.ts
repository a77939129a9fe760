import { DeadlineExceededError } from '../../contracts/errors.js';
import { MAX_TIMER_MS } from '../../policies/duration.js';
import type { PoolSource } from './pool-source.js';
import type { PostgresClient } from './postgres-client.js';
import { sqlState } from './sql-state.js';

/** How long a call waits: for a time, and until a signal aborts, if there is one. */
export class Patience {
  private readonly untilMs: number;

  constructor(
    private readonly timeoutMs: number,
    private readonly signal?: AbortSignal,
  ) {
    this.untilMs = performance.now() + Math.min(timeoutMs, MAX_TIMER_MS);
  }

  get leftMs(): number {
    return Math.max(0, this.untilMs - performance.now());
  }

  /**
   * Calls back with the reason when the wait is over.
   *
   * @returns ends it before that
   */
  onEnd(listener: (reason: Error) => void): () => void {
    const { signal } = this;
    const abort = (): void => listener(signal?.reason as Error);
    // A process that was busy finds its timers due before it reads its sockets: an answer that lies there gets its turn.
    const expire = (): unknown => setImmediate(() => listener(DeadlineExceededError.of(this.timeoutMs)));
    const timer = setTimeout(expire, this.leftMs);
    signal?.addEventListener('abort', abort);
    if (signal?.aborted === true) queueMicrotask(abort);
    return () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    };
  }

  /** Waits for what goes on without the caller. */
  wait<T>(promise: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const end = this.onEnd(reject);
      promise.then(resolve, reject).finally(end);
    });
  }
}

/** No connection could be had: nothing was asked. The pool's error is the cause. */
export class NoConnectionError extends Error {
  override readonly name = 'NoConnectionError';
}

/**
 * Works on a connection of its own until it is done, or patience is at its end: then the connection, if there is one by
 * then, is closed, and one that comes later is given back unused. So a call that is given up holds none.
 *
 * @throws DeadlineExceededError when the time is over
 * @throws NoConnectionError when the pool has none
 * @throws what the work throws
 */
export function onConnection<T>(
  source: PoolSource,
  patience: Patience,
  work: (client: PostgresClient) => Promise<T>,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let client: PostgresClient | undefined;
    let over = false;
    const settle = (destroy: boolean): void => {
      over = true;
      end();
      client?.off('error', ignore);
      client?.release(destroy);
    };
    const end = patience.onEnd((reason) => {
      if (over) return;
      settle(true);
      reject(reason);
    });
    const fail = (error: unknown): void => {
      if (over) return;
      settle(breaks(error));
      reject(error as Error);
    };
    source.take().then(
      (taken) => {
        if (over) return taken.release();
        client = taken;
        // A connection that breaks tells so twice: to its query, and by an event that ends the process if nobody listens.
        client.on('error', ignore);
        work(client).then((result) => {
          if (over) return;
          settle(false);
          resolve(result);
        }, fail);
      },
      (cause: unknown) => fail(new NoConnectionError('No connection to PostgreSQL', { cause })),
    );
  });
}

/** Whether a connection is of no use after an error: it is broken, or the server is about to close it. */
const breaks = (error: unknown): boolean => /^(08|57P|$)/.test(sqlState(error) ?? '');

function ignore(): void {
  // The outcome is seen by the call itself.
}
