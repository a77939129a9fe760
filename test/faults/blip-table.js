/** The table of blips in docs/failure-modes.md: made of what `blips.faults.spec.ts` measured. */

/**
 * @typedef {object} BlipRow
 * @property {string} blip its name
 * @property {Readonly<Record<string, number>>} lateMs by mode: how long after everything moved again the last answer came
 *   that was not Redis's
 */

const COLUMNS = ['closed', 'open', 'local', 'failover to memory'];

/** @param {readonly BlipRow[]} rows */
export function renderBlips(rows) {
  const line = (/** @type {readonly string[]} */ cells) => `| ${cells.join(' | ')} |`;
  return [
    line(['Blip', ...COLUMNS]),
    line(Array(COLUMNS.length + 1).fill('---')),
    ...rows.map(({ blip, lateMs }) => line([blip, ...COLUMNS.map((mode) => `${seconds(lateMs[mode])} after it`)])),
  ].join('\n');
}

const seconds = (/** @type {number | undefined} */ milliseconds) =>
  `${((milliseconds ?? Number.NaN) / 1_000).toFixed(1)} s`;

/**
 * The row of a blip in a document, however wide its columns are.
 *
 * @param {string} document
 * @param {string} blip
 */
export const blipRowIn = (document, blip) =>
  document
    .split('\n')
    .map((row) => row.split('|').map((cell) => cell.trim()))
    .find((cells) => cells[1] === blip)
    ?.join(' | ')
    .trim();

/** What the table says, without what was measured. @param {string} row */
export const withoutSeconds = (row) => row.replace(/\d+\.\d s after/g, 'after');
