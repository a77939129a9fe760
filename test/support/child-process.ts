import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { FromWorker, ToWorker, Worker } from './worker-protocol.js';

export interface SpawnWorkersOptions {
  /** How far ahead of the real clock the worker's `Date` and `performance.timeOrigin` are, in ms, by its index. Default 0. */
  readonly clockSkewMs?: number | ((index: number) => number);
  /** More of the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Called with what a worker sends before its reply. */
  readonly onMessage?: (message: unknown, index: number) => void;
  /** Longest time until all have answered, in ms. Default 240,000: less than that of a test, so that this error is seen. */
  readonly timeoutMs?: number;
  /** Longest time that a worker may live on after its answer, in ms. Default 20,000. */
  readonly exitTimeoutMs?: number;
}

const MAIN = fileURLToPath(new URL('./worker-main.js', import.meta.url));
const OUTPUT_TAIL = 4_000;

/**
 * Runs a TypeScript file in processes of their own, all at once. The file exports a `Worker` as its default, and
 * imports what it needs from `lib`, `test` or `node_modules` as any test does.
 *
 * @example
 * import type consume from './workers/consume.worker.js';
 * const replies = await spawnWorkers<typeof consume>(4, new URL('./workers/consume.worker.ts', import.meta.url), input);
 *
 * @param count processes
 * @param module the worker's file
 * @param input what each is given, or a function that makes it from the worker's index; travels as JSON
 * @returns the replies, in the order of the indices
 * @throws Error with the worker's stack or output when one throws, dies, is not done in time, or does not end by
 *   itself; the others are killed
 */
export async function spawnWorkers<W extends Worker<never, unknown> = Worker<unknown, unknown>>(
  count: number,
  module: URL,
  input: InputOf<W> | ((index: number) => InputOf<W>),
  options: SpawnWorkersOptions = {},
): Promise<ReplyOf<W>[]> {
  const { timeoutMs = 240_000 } = options;
  const inputOf = isFunction(input) ? input : () => input;
  const workers = Array.from({ length: count }, (_, index) => new WorkerProcess(index, options));
  const barrier = new Barrier(workers);
  const timer = setTimeout(
    () => workers.forEach((worker) => worker.giveUp(`is not done after ${timeoutMs} ms`)),
    timeoutMs,
  );
  try {
    const replies = await Promise.all(workers.map((worker, index) => worker.run(module, inputOf(index), barrier)));
    return replies as ReplyOf<W>[];
  } finally {
    clearTimeout(timer);
    await Promise.all(workers.map((worker) => worker.kill()));
  }
}

type InputOf<W extends Worker<never, unknown>> = Parameters<W>[0];
type ReplyOf<W extends Worker<never, unknown>> = Awaited<ReturnType<W>>;

function isFunction<T>(input: T | ((index: number) => T)): input is (index: number) => T {
  return typeof input === 'function';
}

/** Lets all workers go once all have come. */
class Barrier {
  #waiting = 0;

  constructor(private readonly workers: readonly WorkerProcess[]) {}

  arrive(): void {
    if (++this.#waiting < this.workers.length) return;
    this.#waiting = 0;
    this.workers.forEach((worker) => worker.tell({ kind: 'go' }));
  }
}

type LastWord = Extract<FromWorker, { kind: 'reply' | 'error' }>;

class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  #output = '';
  #last: LastWord | undefined;
  #exitTimer: NodeJS.Timeout | undefined;
  #gaveUp: string | undefined;

  constructor(
    private readonly index: number,
    private readonly options: SpawnWorkersOptions,
  ) {
    const { clockSkewMs = 0, env = {} } = options;
    const skewMs = typeof clockSkewMs === 'function' ? clockSkewMs(index) : clockSkewMs;
    this.#child = fork(MAIN, {
      env: {
        ...process.env,
        NODE_OPTIONS: '',
        ...env,
        WORKER_INDEX: String(index),
        WORKER_CLOCK_SKEW_MS: String(skewMs),
      },
      execArgv: ['--enable-source-maps'],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#exited = once(this.#child, 'close');
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (text) => (this.#output = `${this.#output}${String(text)}`.slice(-OUTPUT_TAIL)));
    }
  }

  async run(module: URL, input: unknown, barrier: Barrier): Promise<unknown> {
    this.#child.on('message', (message: FromWorker) => {
      switch (message.kind) {
        case 'started':
          return this.tell({ kind: 'run', module: module.href, input });
        case 'barrier':
          return barrier.arrive();
        case 'message':
          return this.options.onMessage?.(message.message, this.index);
        case 'reply':
        case 'error':
          return this.#expectEnd(message);
      }
    });
    await this.#exited;
    clearTimeout(this.#exitTimer);
    return this.#result();
  }

  tell(message: ToWorker): void {
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  /** Kills it, and says why. */
  giveUp(why: string): void {
    this.#gaveUp = why;
    this.#child.kill('SIGKILL');
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  #expectEnd(last: LastWord): void {
    const { exitTimeoutMs = 20_000 } = this.options;
    this.#last = last;
    this.#exitTimer = setTimeout(
      () => this.giveUp(`has answered, and did not end by itself within ${exitTimeoutMs} ms`),
      exitTimeoutMs,
    );
  }

  #result(): unknown {
    if (this.#last?.kind === 'error') throw this.#failure(`threw ${this.#last.error}`);
    if (this.#gaveUp !== undefined) throw this.#failure(this.#gaveUp);
    if (!this.#last) throw this.#failure(`died (${this.#child.signalCode ?? `code ${this.#child.exitCode}`})`);
    return this.#last.reply;
  }

  #failure(what: string): Error {
    return new Error(`Worker ${this.index} ${what}${this.#output === '' ? '' : `\n${this.#output}`}`);
  }
}
