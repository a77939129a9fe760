import Table from 'cli-table3';

/** What a terminal would obey, or what turns the direction of a text: keys come from strangers. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;

/** A text as it may be printed: control characters are written as escapes. */
export const printable = (text: string): string =>
  text.replace(UNSAFE, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });

/** The same for a text of several lines. */
export const printableLines = (text: string): string => text.split('\n').map(printable).join('\n');

/** JSON that a terminal does not obey either. */
export const printableJson = (value: unknown, indent?: number): string =>
  JSON.stringify(value, undefined, indent).replace(/[\p{Cf}\u007f-\u009f\u2028\u2029]/gu, (character) =>
    [...Array(character.length).keys()]
      .map((index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`)
      .join(''),
  );

/** Longest text of a cell. */
const WIDEST = 60;

/** A table without lines; numbers are to the right. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const isNumeric = (column: number): boolean => rows.every((row) => typeof row[column] === 'number');
  const lines = new Table({
    head: [...head],
    chars: NO_LINES,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
    colAligns: head.map((_, column) => (isNumeric(column) ? 'right' : 'left')),
  });
  lines.push(...rows.map((row) => row.map(cellOf)));
  return lines.toString().replaceAll(/ +$/gm, '');
}

function cellOf(value: string | number): string {
  const text = typeof value === 'number' ? value.toLocaleString('en-US') : printable(value);
  return text.length > WIDEST ? `${text.slice(0, WIDEST - 1)}…` : text;
}

const NO_LINES = Object.fromEntries(
  ['top', 'bottom', 'left', 'right', 'mid']
    .flatMap((name) => [name, `${name}-mid`, `${name}-left`, `${name}-right`])
    .concat('middle')
    .map((name) => [name, '']),
);

/** A length of time for people: `340 ms`, `12 s`, `4 m 10 s`, `2 d 3 h`. */
export function durationText(milliseconds: number): string {
  if (milliseconds < 1_000) return `${Math.ceil(milliseconds)} ms`;
  const parts = (
    [
      ['d', 86_400],
      ['h', 3_600],
      ['m', 60],
      ['s', 1],
    ] as const
  ).reduce<{ rest: number; text: string[] }>(
    ({ rest, text }, [unit, length]) => {
      const count = Math.floor(rest / length);
      return { rest: rest - count * length, text: count > 0 ? [...text, `${count} ${unit}`] : text };
    },
    { rest: Math.ceil(milliseconds / 1_000), text: [] },
  );
  return parts.text.slice(0, 2).join(' ');
}
