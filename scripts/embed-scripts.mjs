// Writes each script that runs inside a store (lib/backends/redis/scripts/*.lua, lib/backends/postgres/sql/*.sql) as a
// TypeScript module beside it, so that bundlers carry it along and nothing reads a file at run time; with --check it
// fails if one is stale.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, extname } from 'node:path';

const FOLDERS = ['../lib/backends/redis/scripts/', '../lib/backends/postgres/sql/'];
const SUFFIX = new Map([
  ['.lua', 'SCRIPT'],
  ['.sql', 'SQL'],
]);

const check = process.argv.includes('--check');
const stale = [];
for (const path of FOLDERS) {
  const folder = new URL(path, import.meta.url);
  for (const file of (await readdir(folder)).filter((name) => SUFFIX.has(extname(name)))) {
    const target = new URL(file.replace(/\.[a-z]+$/, '.generated.ts'), folder);
    const wanted = moduleOf(file, await readFile(new URL(file, folder), 'utf8'));
    const present = await readFile(target, 'utf8').catch(() => undefined);
    if (present === wanted) continue;
    if (check) stale.push(file);
    else await writeFile(target, wanted);
  }
}
if (stale.length > 0) {
  console.error(`Embedded scripts are stale: ${stale.join(', ')}. Run: npm run embed.`);
  process.exitCode = 1;
}

function moduleOf(/** @type {string} */ file, /** @type {string} */ source) {
  const kind = extname(file);
  const name = basename(file, kind).replaceAll('-', '_').toUpperCase();
  const literal = source.replaceAll(/[\\`]|\$\{/g, '\\$&');
  return `// Made from ${file} by scripts/embed-scripts.mjs: edit that, then run \`npm run embed\`.\n\nexport const ${name}_${SUFFIX.get(kind)} = \`${literal}\`;\n`;
}
