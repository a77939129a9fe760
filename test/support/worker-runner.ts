import type { FromWorker, ToWorker, Worker, WorkerContext } from './worker-protocol.js';

/** Runs one worker's file in a process of its own, and lets the process end by itself. */

let passBarrier = (): void => undefined;

const context: WorkerContext = {
  index: Number(process.env['WORKER_INDEX']),
  barrier: () =>
    new Promise((resolve) => {
      passBarrier = resolve;
      tell({ kind: 'barrier' });
    }),
  send: (message) => tell({ kind: 'message', message }),
};

process.on('message', (message: ToWorker) => {
  switch (message.kind) {
    case 'run':
      return void run(message.module, message.input);
    case 'go':
      return passBarrier();
  }
});

process.on('disconnect', endWithTheTest);
tell({ kind: 'started' });

async function run(module: string, input: unknown): Promise<void> {
  let last: FromWorker;
  try {
    const { default: worker } = (await import(module)) as { default: Worker<unknown, unknown> };
    last = { kind: 'reply', reply: await worker(input, context) };
  } catch (error) {
    last = { kind: 'error', error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
  process.off('disconnect', endWithTheTest);
  process.send?.(last, () => process.disconnect());
}

function tell(message: FromWorker): void {
  process.send?.(message);
}

function endWithTheTest(): void {
  process.exit();
}
