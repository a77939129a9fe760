/** Why a command ends, and with which exit code: 1 for bad news, 2 where it could not do what it was asked. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';

  constructor(
    message: string,
    readonly exitCode: 1 | 2,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** There is nothing of what was asked for. */
export const nothingFound = (message: string): CommandFailure => new CommandFailure(message, 1);

/** It was used wrongly. */
export const wrongUse = (message: string): CommandFailure => new CommandFailure(message, 2);

/** The store does not answer. */
export const unreachable = (place: string, cause: unknown): CommandFailure =>
  new CommandFailure(
    `${place} cannot be reached: ${reasonOf(cause)}. Check --url (or FLOODGATE_URL), and that the server accepts connections from here.`,
    2,
    { cause },
  );

/** The server answers, but the user may not run a command. */
export const notPermitted = (place: string, cause: unknown, grant: string): CommandFailure =>
  new CommandFailure(`${place}: ${reasonOf(cause)}. Grant the commands: ${grant}.`, 2, { cause });

/** What an error says, the first line of it. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return reasonOf(error.errors[0]);
  const text = error instanceof Error ? error.message || String((error as NodeJS.ErrnoException).code) : String(error);
  return text.split('\n')[0] ?? '';
}
