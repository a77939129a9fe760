import { runCommandLine } from '../../lib/integrations/cli/run.js';

/** What a command line printed, and how it ended. */
export interface Ended {
  readonly code: number;
  readonly text: string;
  readonly errors: string;
}

/** Runs the command line in this process. */
export async function floodgate(...words: readonly string[]): Promise<Ended> {
  return floodgateUntil(new AbortController().signal, undefined, ...words);
}

/**
 * The same in a terminal that is looked at.
 *
 * @param onWrite told of each text that is printed
 */
export async function floodgateUntil(
  signal: AbortSignal,
  onWrite: ((text: string) => void) | undefined,
  ...words: readonly string[]
): Promise<Ended> {
  let text = '';
  let errors = '';
  const code = await runCommandLine(
    words,
    '1.2.3',
    {
      isTerminal: onWrite !== undefined,
      write: (part) => {
        text += part;
        onWrite?.(part);
      },
      complain: (part) => void (errors += part),
    },
    signal,
  );
  return { code, text, errors };
}

/** The JSON that a command line printed. */
export async function floodgateJson<T>(...words: readonly string[]): Promise<T> {
  const { text, errors } = await floodgate(...words, '--json');
  if (text === '') throw new Error(errors);
  return JSON.parse(text) as T;
}
