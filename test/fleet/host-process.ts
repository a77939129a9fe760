import { type ChildProcess, fork } from 'node:child_process';
import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker as Thread } from 'node:worker_threads';
import { build } from 'esbuild';
import type { Answer, Command, HostInput } from './workers/breaker-host.js';

const SOURCE = fileURLToPath(new URL('./workers/main.run.ts', import.meta.url));

/** Built into one file, for eight processes that each compile the sources take longer than all that they are asked. */
const MAIN = fileURLToPath(new URL(`../../node_modules/.cache/floodgate-fleet-${process.pid}.mjs`, import.meta.url));

let built: Promise<unknown> | undefined;

function main(): Promise<unknown> {
  built ??= build({
    entryPoints: [SOURCE],
    outfile: MAIN,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    keepNames: true,
    logLevel: 'error',
  });
  return built;
}

type Message = { readonly call: number; readonly answer: Answer };

/** How this process talks to another, or to a thread. */
interface Line {
  readonly pid: number;
  readonly output: readonly (NodeJS.ReadableStream | null)[];
  readonly exited: Promise<unknown>;
  readonly say: (message: { readonly call: number; readonly command: Command }) => void;
  readonly hear: (listener: (message: Message) => void) => void;
  readonly signal: (signal: NodeJS.Signals) => void;
}

/** A real process with a limiter, a worker of a cluster, or a thread. */
export class HostProcess implements AsyncDisposable {
  private calls = 0;
  private readonly waiting = new Map<number, (answer: Answer) => void>();
  private output = '';

  private constructor(private readonly line: Line) {
    for (const stream of line.output) stream?.on('data', (text) => (this.output += String(text)));
    line.hear((message) => {
      this.waiting.get(message.call)?.(message.answer);
      this.waiting.delete(message.call);
    });
  }

  static async fork(input: HostInput): Promise<HostProcess> {
    await main();
    const child = fork(MAIN, { env: environment(input), execArgv: [], silent: true });
    return new HostProcess(lineOf(child, child)).started();
  }

  /** As a worker of a cluster, whose primary is this process. */
  static async ofCluster(input: HostInput): Promise<HostProcess> {
    await main();
    cluster.setupPrimary({ exec: MAIN, execArgv: [], silent: true });
    const worker = cluster.fork(environment(input));
    return new HostProcess(lineOf(worker.process, worker)).started();
  }

  /** As a thread of this process. */
  static async ofThread(input: HostInput): Promise<HostProcess> {
    await main();
    const thread = new Thread(MAIN, { env: environment(input), execArgv: [], stdout: true, stderr: true });
    const line: Line = {
      pid: process.pid,
      output: [thread.stdout, thread.stderr],
      exited: once(thread, 'exit'),
      say: (message) => thread.postMessage(message),
      hear: (listener) => thread.on('message', listener),
      // A thread cannot be sent a signal: it is ended, whatever it is doing.
      signal: () => void thread.terminate(),
    };
    return new HostProcess(line).started();
  }

  get pid(): number {
    return this.line.pid;
  }

  ask(command: Command): Promise<Answer> {
    this.calls += 1;
    const { calls } = this;
    const answer = new Promise<Answer>((resolve, reject) => {
      this.waiting.set(calls, resolve);
      void this.line.exited.then(() => reject(new Error(`The process has ended:\n${this.output}`)));
    });
    this.line.say({ call: calls, command });
    return answer;
  }

  /** Sends a signal, and does not wait. */
  signal(signal: NodeJS.Signals): void {
    this.line.signal(signal);
  }

  /** Sends a signal, and waits for the end. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    this.line.signal(signal);
    await this.line.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill('SIGKILL');
  }

  private async started(): Promise<this> {
    await new Promise<Answer>((resolve, reject) => {
      this.waiting.set(0, resolve);
      void this.line.exited.then(() => reject(new Error(`The process did not start:\n${this.output}`)));
    });
    return this;
  }
}

function lineOf(child: ChildProcess, talker: ChildProcess | Worker): Line {
  return {
    pid: child.pid ?? -1,
    output: [child.stdout, child.stderr],
    exited: once(child, 'exit'),
    say: (message) => talker.send(message),
    hear: (listener) => talker.on('message', listener),
    signal: (signal) => child.kill(signal),
  };
}

function environment(input: HostInput): NodeJS.ProcessEnv {
  return { ...process.env, NODE_OPTIONS: '', FLEET_INPUT: JSON.stringify(input) };
}
