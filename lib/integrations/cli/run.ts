import { CommanderError } from 'commander';
import { CommandFailure, reasonOf } from './failures.js';
import { makeProgram } from './program.js';
import { printable } from './terminal.js';

/**
 * Runs the command line in this process.
 *
 * @returns the exit code: 0, 1 for bad news, 2 where it was used wrongly or the store cannot be reached
 */
export async function runCommandLine(words: readonly string[], version: string): Promise<number> {
  const ended = new AbortController();
  const end = (): void => ended.abort();
  process.once('SIGINT', end);
  // Who reads no more, such as `head`, ends it.
  process.stdout.on('error', ignore);
  const output = {
    isTerminal: process.stdout.isTTY === true,
    write: (text: string): void => void process.stdout.write(text),
  };
  try {
    await makeProgram(version, output, ended.signal).parseAsync([...words], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const message = error instanceof CommandFailure ? error.message : reasonOf(error);
    if (message !== '') process.stderr.write(`${printable(message)}\n`);
    return error instanceof CommandFailure ? error.exitCode : 2;
  } finally {
    process.off('SIGINT', end);
  }
}

function ignore(): void {
  // Nothing is left to tell.
}
