import { appendFileSync } from 'node:fs';

/** Prints a table of rows by name, and adds it to the file that `run.mjs` makes a page of, a line of JSON for each. */
export function report(title, rows) {
  console.log(title);
  console.table(rows);
  const file = process.env.BENCH_REPORT;
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ title, rows })}\n`);
}
