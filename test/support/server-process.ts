import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Starts the command, and beside it a watcher that kills it with SIGKILL when this process dies, however it dies: the
 * watcher reads a pipe that then ends. A line on that pipe tells it that the command is gone already.
 */
const ON_A_LEASH = '(read -r _ <&3 || kill -9 $$) >/dev/null 2>&1 & exec "$@" 3<&-';

/** The exit code by which a shell says that it did not find the command. */
const NOT_FOUND = 127;

const LOG_TAIL_LINES = 30;
const EXIT_TIMEOUT_MS = 5_000;

export interface ServerCommand {
  /** Its file, or its name on PATH. */
  readonly command: string;
  readonly args: readonly string[];
  /** Its working directory; its log goes there. */
  readonly directory: string;
  /** Who runs it. Default: who runs the tests. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
}

/** The process of a server: its signals, its log, its end. It never outlives this process. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  #frozen = false;

  private constructor(
    child: ChildProcess,
    private readonly command: string,
    private readonly logFile: string,
  ) {
    this.#child = child;
    this.#exited = once(child, 'exit').then(() => this.#letGo());
  }

  static async spawn({ command, args, directory, owner }: ServerCommand): Promise<ServerProcess> {
    const logFile = join(directory, 'server.log');
    const log = openSync(logFile, 'a');
    try {
      const child = spawn('/bin/sh', ['-c', ON_A_LEASH, 'sh', command, ...args], {
        cwd: directory,
        stdio: ['ignore', log, log, 'pipe'],
        ...owner,
      });
      await once(child, 'spawn');
      child.unref();
      leashOf(child).unref();
      return new ServerProcess(child, command, logFile);
    } finally {
      closeSync(log);
    }
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Whether the binary does not exist. */
  get missing(): boolean {
    return this.#child.exitCode === NOT_FOUND;
  }

  /** The last lines that it logged. */
  get logTail(): string {
    return readFileSync(this.logFile, 'utf8').trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n');
  }

  /** SIGSTOP: its connections stay open, and it answers nothing. */
  freeze(): void {
    this.#frozen = this.#child.kill('SIGSTOP');
  }

  /** SIGCONT: it answers what has piled up. */
  thaw(): void {
    this.#child.kill('SIGCONT');
    this.#frozen = false;
  }

  /** SIGKILL, as `kill -9`. Resolves when the process is gone. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** SIGTERM, and SIGKILL when that does not help within 5 s. Resolves when the process is gone. */
  async terminate(): Promise<void> {
    if (this.#frozen) this.thaw();
    await this.#end('SIGTERM').catch(() => this.kill());
  }

  /** SIGQUIT, by which PostgreSQL ends at once and takes its children along; and SIGKILL when that does not help. */
  async quit(): Promise<void> {
    await this.#end('SIGQUIT').catch(() => this.kill());
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM' | 'SIGQUIT'): Promise<void> {
    if (this.running) this.#child.kill(signal);
    const timer = new AbortController();
    const late = delay(EXIT_TIMEOUT_MS, true, { signal: timer.signal }).catch(() => false);
    try {
      if (await Promise.race([this.#exited, late])) {
        throw new Error(
          `${this.command} (pid ${this.pid}) is alive ${EXIT_TIMEOUT_MS} ms after ${signal}:\n${this.logTail}`,
        );
      }
    } finally {
      timer.abort();
    }
  }

  #letGo(): void {
    const leash = leashOf(this.#child);
    leash.on('error', () => undefined);
    leash.end('gone\n', () => leash.destroy());
  }
}

function leashOf(child: ChildProcess): Socket {
  return child.stdio[3] as Socket;
}
