import { CommanderError } from 'commander';
import { CommandFailure, reasonOf } from './failures.js';
import type { Output } from './output.js';
import { makeProgram } from './program.js';
import { printable } from './terminal.js';

/**
 * Runs the command line.
 *
 * @param signal ends what would go on
 * @returns the exit code: 0, 1 for bad news, 2 where it was used wrongly or the store cannot be reached
 */
export async function runCommandLine(
  words: readonly string[],
  version: string,
  output: Output,
  signal: AbortSignal,
): Promise<number> {
  try {
    await makeProgram(version, output, signal).parseAsync([...words], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const message = error instanceof CommandFailure ? error.message : reasonOf(error);
    if (message !== '') output.complain(`${printable(message)}\n`);
    return error instanceof CommandFailure ? error.exitCode : 2;
  }
}
