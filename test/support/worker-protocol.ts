/** What travels between a test and its worker processes, as JSON. */

export type ToWorker =
  | { readonly kind: 'run'; readonly module: string; readonly input: unknown }
  /** Every worker has come to the barrier. */
  | { readonly kind: 'go' };

export type FromWorker =
  | { readonly kind: 'started' }
  /** Waits until every worker has come here. */
  | { readonly kind: 'barrier' }
  | { readonly kind: 'message'; readonly message: unknown }
  | { readonly kind: 'reply'; readonly reply: unknown }
  | { readonly kind: 'error'; readonly error: string };

/** What a worker may say to the test that started it. */
export interface WorkerContext {
  /** The worker's place among those of its call, from 0. */
  readonly index: number;
  /** Resolves once every worker of the call waits here: they go on at the same time. */
  barrier(): Promise<void>;
  /** Sends a value, as JSON, to `onMessage`. */
  send(message: unknown): void;
}

/**
 * What a worker's file exports as its default.
 *
 * @param input as given to `spawnWorkers`, through JSON
 * @returns the reply, through JSON. The process then has to end by itself: close what you opened
 */
export type Worker<Input, Reply> = (input: Input, context: WorkerContext) => Reply | Promise<Reply>;
