// Prints the notes of a version from CHANGELOG.md. Fails if package.json has another version, or there are no notes.
import { readFile } from 'node:fs/promises';

const version = process.argv[2] ?? '';
const read = (/** @type {string} */ name) => readFile(new URL(`../${name}`, import.meta.url), 'utf8');

/** @type {unknown} */
const manifest = JSON.parse(await read('package.json'));
const { version: present } = /** @type {{ version: string }} */ (manifest);
if (present !== version) {
  throw new Error(`package.json has version ${present}, not ${version}: run npm version first.`);
}
const section = (await read('CHANGELOG.md')).split(/^## /m).find((part) => part.startsWith(`[${version}]`));
const notes = section?.split('\n').slice(1).join('\n').trim();
if (!notes) throw new Error(`CHANGELOG.md has no section [${version}] with notes.`);
process.stdout.write(`${notes}\n`);
