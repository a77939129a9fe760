import { readFile, writeFile } from 'node:fs/promises';
import type { BlipRow } from './blip-table.js';
import type { Course } from './fault-run.js';
import type { Cell, Row } from './fault-table.js';
import { renderTable, rowIn, withoutTimes } from './fault-table.js';
import type { Answer } from './faulty-app.js';
import type { StoreRow } from './store-table.js';
import { MODES } from './modes.js';

const DOCUMENT = new URL('../../docs/failure-modes.md', import.meta.url);
const MEASURED = new URL('./measured/', import.meta.url);

/** The row of a fault, from what all its applications did. */
export function rowOf(fault: string, courses: readonly Course[]): Row {
  const cells = MODES.map((mode) => [mode, cellOf(courses.filter((course) => course.mode === mode))] as const);
  return { fault, cells: Object.fromEntries(cells) };
}

/** Keeps a row for whoever renders the table. */
export const keep = (row: Row): Promise<void> => write(row.fault, row);

/** The same for a fault of another store. */
export const keepStore = (row: StoreRow): Promise<void> => write(row.storeFault, row);

/** The same for a blip. */
export const keepBlip = (row: BlipRow): Promise<void> => write(`blip ${row.blip}`, row);

async function write(title: string, row: object): Promise<void> {
  const name = title.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  await writeFile(new URL(`${name}.json`, MEASURED), `${JSON.stringify(row, null, 2)}\n`);
}

/** What the document says of a fault, and what it should say; both without the milliseconds. */
export async function promisedAndSeen(row: Row): Promise<readonly [promised: string, seen: string]> {
  const promised = rowIn(await readDocument(), row.fault) ?? `no row '${row.fault}': run npm run faults:table`;
  return [withoutTimes(promised), withoutTimes(rowIn(renderTable([row]), row.fault)!)];
}

export const readDocument = (): Promise<string> => readFile(DOCUMENT, 'utf8');

/** Distinct statuses of answers, lowest first. */
export const statusesOf = (answers: readonly Answer[]): string =>
  [...new Set(answers.map(({ status }) => status))].sort().join(', ');

/** Which of the limiter's headers answers have. */
export function headersOf(answers: readonly Answer[]): string {
  const kinds = answers.map(({ rateLimit, retryAfter }) => {
    if (rateLimit !== null) return 'RateLimit';
    return retryAfter !== null ? 'Retry-After' : 'none';
  });
  return [...new Set(kinds)].sort().join(', ');
}

export const median = (values: readonly number[]): number =>
  [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN;

export const latencies = (answers: readonly Answer[]): number[] => answers.map(({ latencyMs }) => latencyMs);

/** What one mode came to, over both platforms. */
function cellOf(courses: readonly Course[]): Cell {
  const during = courses.flatMap(({ before, open }) => [...before, ...open]);
  const whileOpen = courses.map(({ healthy, open }) => ({
    openMs: median(latencies(open)),
    overNormalMs: healthy.length === 0 ? null : median(latencies(open)) - median(latencies(healthy)),
    slowestMs: Math.max(...latencies(open)),
    slowestNormalMs: healthy.length === 0 ? null : Math.max(...latencies(healthy)),
  }));
  const most = (values: readonly (number | null)[]): number | null => {
    const known = values.filter((value) => value !== null);
    return known.length === 0 ? null : Math.max(...known);
  };
  return {
    status: statusesOf(during),
    headers: headersOf(during),
    beforeMs: Math.max(...courses.flatMap(({ before }) => latencies(before))),
    openMs: most(whileOpen.map(({ openMs }) => openMs)) ?? Number.NaN,
    overNormalMs: most(whileOpen.map(({ overNormalMs }) => overNormalMs)),
    slowestMs: most(whileOpen.map(({ slowestMs }) => slowestMs)),
    slowestNormalMs: most(whileOpen.map(({ slowestNormalMs }) => slowestNormalMs)),
    recoveryMs: Math.max(...courses.map(({ recoveryMs }) => recoveryMs)),
  };
}
