/**
 * The table of docs/failure-modes.md, made from what the fault suite measured. In JavaScript, since a script writes it
 * and the tests read it.
 *
 * @typedef {object} Cell
 * @property {string} status HTTP statuses seen during the fault
 * @property {string} headers which of the limiter's headers the answers had
 * @property {number} beforeMs slowest answer before the circuit was open
 * @property {number} openMs median of the answers while it was open
 * @property {number | null} overNormalMs how much more that is than the median before the fault; null if there was none
 * @property {number | null} slowestMs slowest answer while it was open; null if it was not for long enough
 * @property {number | null} slowestNormalMs slowest answer before the fault; null if there was none
 * @property {number} recoveryMs slowest time from the moment at which the backend can answer until it decided again
 *
 * @typedef {object} Row
 * @property {string} fault
 * @property {Record<string, Cell>} cells by mode
 */

const COLUMNS = ['closed', 'open', 'local', 'failover to memory', 'failover to a second Redis'];

/** Every row of the table, from what is seen most to what is seen least. */
export const FAULT_ORDER = [
  'Redis crashes (`kill -9`)',
  'Redis freezes (`SIGSTOP`)',
  'Redis is down when the application starts',
  'Redis flaps (up 1 s, down 1 s)',
  'connections are reset',
  'the network loses every packet',
  'the network takes 1 s each way',
  'the password is wrong (`NOAUTH`)',
  'memory is full (`OOM`, `noeviction`)',
  'the server is a replica now (`READONLY`)',
  'the server lost its master (`MASTERDOWN`)',
  'Redis loads its data (`LOADING`)',
  "somebody's script never ends (`BUSY`), until `SCRIPT KILL`",
  'Sentinel fails over',
  'a Cluster loses one of its masters (`CLUSTERDOWN`)',
];

/** @param {readonly Row[]} rows */
export function renderTable(rows) {
  const line = (/** @type {readonly string[]} */ cells) => `| ${cells.join(' | ')} |`;
  return [
    line(['Fault', ...COLUMNS]),
    line(Array(COLUMNS.length + 1).fill('---')),
    ...rows.map(({ fault, cells }) => line([fault, ...COLUMNS.map((mode) => renderCell(cells[mode]))])),
  ].join('\n');
}

/** @param {Pick<Cell, 'status' | 'headers' | 'beforeMs' | 'openMs'> | undefined} cell */
export function renderCell(cell) {
  if (cell === undefined) throw new Error('A mode was not measured');
  const { status, headers, beforeMs, openMs } = cell;
  return `${status} · ${headers} · ${Math.round(beforeMs)} → ${openMs.toFixed(1)} ms`;
}

/** What the table promises, without the milliseconds. @param {string} text */
export const withoutTimes = (text) => text.replace(/ · \d+ → \d+\.\d ms/g, '');

/** The rows of measured tables in a document, however wide their columns are. @param {string} document */
const rowsIn = (document) =>
  document
    .split('\n')
    .filter((line) => / · \d+ → \d+\.\d ms/.test(line))
    .map((line) => line.split('|').map((cell) => cell.trim()));

/**
 * The row of a fault in a document, as it was rendered.
 *
 * @param {string} document
 * @param {string} fault
 */
export const rowIn = (document, fault) =>
  rowsIn(document)
    .find((cells) => cells[1] === fault)
    ?.join(' | ')
    .trim();

/** Names of the faults in the table of a document. @param {string} document */
export const faultsIn = (document) => rowsIn(document).map((cells) => cells[1]);

/** What the strictest of all cells are. @param {readonly Row[]} rows */
export function renderSummary(rows) {
  const cells = rows.flatMap((row) => Object.values(row.cells));
  const slowest = (/** @type {boolean} */ failover) => {
    const columns = COLUMNS.filter((mode) => mode.startsWith('failover') === failover);
    const recoveriesMs = rows.flatMap((row) => columns.map((mode) => row.cells[mode]?.recoveryMs ?? Number.NaN));
    return `${(most(recoveriesMs) / 1_000).toFixed(1)} s`;
  };
  const most = (/** @type {readonly number[]} */ values) => Math.max(...values);
  const known = (/** @type {(number | null)[]} */ values) => values.filter((value) => value !== null);
  const overNormal = known(cells.map(({ overNormalMs }) => overNormalMs));
  const slowestNormalMs = most(known(cells.map((cell) => cell.slowestNormalMs)));
  const slowestMs = most(known(cells.map((cell) => cell.slowestMs)));
  return [
    `Slowest answer of all before a circuit was open: ${Math.round(most(cells.map(({ beforeMs }) => beforeMs)))} ms (deadline 250 ms).`,
    `Largest median over normal once it was open: ${most(overNormal).toFixed(1)} ms. Slowest of all answers: ${slowestMs.toFixed(1)} ms then, ${slowestNormalMs.toFixed(1)} ms before the faults.`,
    `Slowest recovery, from the moment at which the backend can answer: ${slowest(false)} (one open period here: 1 s).`,
    `Slowest return to a failover's first member, while the other enforces the limits: ${slowest(true)} (three pings, 0.1 s apart, on top).`,
  ].join('\n');
}
