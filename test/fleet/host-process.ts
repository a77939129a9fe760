import { type ChildProcess, fork } from 'node:child_process';
import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
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

/** A real process with a limiter: a worker of a cluster, or a process of its own. */
export class HostProcess implements AsyncDisposable {
  private calls = 0;
  private readonly waiting = new Map<number, (answer: Answer) => void>();
  private readonly exited: Promise<unknown>;
  private output = '';

  private constructor(
    private readonly child: ChildProcess,
    private readonly worker?: Worker,
  ) {
    this.exited = once(child, 'exit');
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text) => (this.output += String(text)));
    (worker ?? child).on('message', (message: Message) => {
      this.waiting.get(message.call)?.(message.answer);
      this.waiting.delete(message.call);
    });
  }

  static async fork(input: HostInput): Promise<HostProcess> {
    await main();
    const child = fork(MAIN, { env: environment(input), execArgv: [], silent: true });
    return new HostProcess(child).started();
  }

  /** As a worker of a cluster, whose primary is this process. */
  static async ofCluster(input: HostInput): Promise<HostProcess> {
    await main();
    cluster.setupPrimary({ exec: MAIN, execArgv: [], silent: true });
    const worker = cluster.fork(environment(input));
    return new HostProcess(worker.process, worker).started();
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  ask(command: Command): Promise<Answer> {
    this.calls += 1;
    const { calls } = this;
    const answer = new Promise<Answer>((resolve, reject) => {
      this.waiting.set(calls, resolve);
      void this.exited.then(() => reject(new Error(`The process has ended:\n${this.output}`)));
    });
    (this.worker ?? this.child).send({ call: calls, command });
    return answer;
  }

  /** Sends a signal, and waits for the end. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    this.child.kill(signal);
    await this.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill('SIGKILL');
  }

  private async started(): Promise<this> {
    await new Promise<Answer>((resolve, reject) => {
      this.waiting.set(0, resolve);
      void this.exited.then(() => reject(new Error(`The process did not start:\n${this.output}`)));
    });
    return this;
  }
}

function environment(input: HostInput): NodeJS.ProcessEnv {
  return { ...process.env, NODE_OPTIONS: '', FLEET_INPUT: JSON.stringify(input) };
}
