import { readdir, readFile, writeFile } from 'node:fs/promises';
import { format, resolveConfig } from 'prettier';
import { renderBlips } from '../test/faults/blip-table.js';
import { renderStoreTable, STORE_FAULT_ORDER } from '../test/faults/store-table.js';
import { FAULT_ORDER, renderSummary, renderTable } from '../test/faults/fault-table.js';

/**
 * Writes what the fault suite measured (`test/faults/measured`) into docs/failure-modes.md, between its markers. After a
 * suite that failed, too: that the document says something else is one of its failures.
 */

const DOCUMENT = new URL('../docs/failure-modes.md', import.meta.url);
const MEASURED = new URL('../test/faults/measured/', import.meta.url);

/**
 * @import { Row } from '../test/faults/fault-table.js'
 * @import { BlipRow } from '../test/faults/blip-table.js'
 * @import { StoreRow } from '../test/faults/store-table.js'
 */

const files = (await readdir(MEASURED)).filter((name) => name.endsWith('.json'));
const measured = await Promise.all(files.map(read));
const rows = measured.filter((row) => 'fault' in row);
const blips = measured.filter((row) => 'blip' in row).sort((one, other) => one.blip.localeCompare(other.blip));
const stores = STORE_FAULT_ORDER.map((fault) => {
  const row = measured.find((one) => 'storeFault' in one && one.storeFault === fault);
  if (row === undefined || !('storeFault' in row)) throw new Error(`Not measured: ${fault}. Run npm run faults:table.`);
  return row;
});
const ordered = FAULT_ORDER.map((fault) => {
  const row = rows.find((one) => one.fault === fault);
  if (row === undefined) throw new Error(`Not measured: ${fault}. Run npm run faults:table.`);
  return row;
});

const document = await readFile(DOCUMENT, 'utf8');
const written = [
  ['table', renderTable(ordered)],
  ['summary', renderSummary(ordered)],
  ['blips', renderBlips(blips)],
  ['stores', renderStoreTable(stores)],
].reduce((text, [marker = '', content = '']) => between(text, marker, content), document);
const config = await resolveConfig(DOCUMENT);
await writeFile(DOCUMENT, await format(written, { ...config, parser: 'markdown' }));

/**
 * @param {string} name
 * @returns {Promise<Row | BlipRow | StoreRow>}
 */
async function read(name) {
  /** @type {unknown} */
  const row = JSON.parse(await readFile(new URL(name, MEASURED), 'utf8'));
  return /** @type {Row | BlipRow | StoreRow} */ (row);
}

/**
 * @param {string} text
 * @param {string} marker
 * @param {string} content
 */
function between(text, marker, content) {
  const pattern = new RegExp(`(<!-- measured ${marker} -->\n)[^]*?(<!-- end of ${marker} -->)`);
  if (!pattern.test(text)) throw new Error(`docs/failure-modes.md has no '<!-- measured ${marker} -->'`);
  return text.replace(
    pattern,
    (_all, /** @type {string} */ start, /** @type {string} */ end) => `${start}\n${content}\n\n${end}`,
  );
}
