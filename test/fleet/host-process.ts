import { type ChildProcess, fork } from 'node:child_process';
import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Answer, Command, HostInput } from './workers/breaker-host.js';

const MAIN = fileURLToPath(new URL('./workers/main.js', import.meta.url));

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
    const child = fork(MAIN, { env: environment(input), execArgv: ['--enable-source-maps'], silent: true });
    return new HostProcess(child).started();
  }

  /** As a worker of a cluster, whose primary is this process. */
  static async ofCluster(input: HostInput): Promise<HostProcess> {
    cluster.setupPrimary({ exec: MAIN, execArgv: ['--enable-source-maps'], silent: true });
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
