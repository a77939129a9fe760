import { renderCell } from './fault-table.js';

/**
 * The table of the other stores in docs/failure-modes.md, made from what the fault suite measured.
 *
 * @typedef {object} StoreCell
 * @property {string} status HTTP statuses seen during the fault
 * @property {string} headers which of the limiter's headers the answers had
 * @property {number} beforeMs slowest answer before the circuit was open
 * @property {number} openMs median of the answers while it was open
 *
 * @typedef {object} StoreRow
 * @property {string} storeFault
 * @property {Record<string, StoreCell>} cells by mode
 */

const COLUMNS = ['closed', 'open', 'local', 'failover to memory'];

/** Every row of the table, in its order. */
export const STORE_FAULT_ORDER = [
  'PostgreSQL: crashes (`kill -9`)',
  'PostgreSQL: freezes (`SIGSTOP`)',
  'PostgreSQL: somebody locks the table',
  'PostgreSQL: `statement_timeout`',
  'PostgreSQL: the pool is exhausted',
  'PostgreSQL: too many clients',
  'PostgreSQL: read-only (`default_transaction_read_only`)',
  'PostgreSQL: the disk is full',
  'PostgreSQL: failover of the address to a standby',
  'DynamoDB: throttled',
  'DynamoDB: answers with 500',
  'DynamoDB: answers nobody',
  'DynamoDB: the table is missing',
];

/** @param {readonly StoreRow[]} rows */
export function renderStoreTable(rows) {
  const line = (/** @type {readonly string[]} */ cells) => `| ${cells.join(' | ')} |`;
  return [
    line(['Fault', ...COLUMNS]),
    line(Array(COLUMNS.length + 1).fill('---')),
    ...rows.map(({ storeFault, cells }) => line([storeFault, ...COLUMNS.map((mode) => renderCell(cells[mode]))])),
  ].join('\n');
}
