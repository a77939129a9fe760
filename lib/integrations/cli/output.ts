import { printableJson } from './terminal.js';

/** Where a command prints to. */
export interface Output {
  /** Whether it is a terminal, which can be cleared and drawn again. */
  readonly isTerminal: boolean;
  write(text: string): void;
  /** For what went wrong. */
  complain(text: string): void;
}

/** Prints what was found: for people, or as one JSON value. */
export function print(output: Output, asJson: boolean, value: unknown, text: () => string): void {
  output.write(asJson ? `${printableJson(value, 2)}\n` : `${text()}\n`);
}
