import { appendFileSync } from 'node:fs';

/** Prints a table of rows by name, and adds it to the report that `run.mjs` collects. */
export function report(title, rows) {
  console.log(title);
  console.table(rows);
  if (process.env.BENCH_REPORT !== undefined)
    appendFileSync(process.env.BENCH_REPORT, `### ${title}\n\n${markdown(rows)}\n`);
}

function markdown(rows) {
  const columns = [...new Set(Object.values(rows).flatMap((row) => Object.keys(row)))];
  const line = (cells) => `| ${cells.join(' | ')} |\n`;
  const head = line(['', ...columns]) + line(['---', ...columns.map(() => '---:')]);
  return (
    head +
    Object.entries(rows)
      .map(([name, row]) => line([name, ...columns.map((column) => row[column] ?? '')]))
      .join('')
  );
}
