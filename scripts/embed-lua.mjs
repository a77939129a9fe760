// Writes each Lua script of lib/backends/redis/scripts as a TypeScript module beside it, so that bundlers carry it along and
// nothing reads a file at run time; with --check it fails if one is stale.
import { readdir, readFile, writeFile } from 'node:fs/promises';

const folder = new URL('../lib/backends/redis/scripts/', import.meta.url);
const check = process.argv.includes('--check');

const scripts = (await readdir(folder)).filter((file) => file.endsWith('.lua'));
const stale = [];
for (const file of scripts) {
  const target = new URL(file.replace(/\.lua$/, '.generated.ts'), folder);
  const wanted = moduleOf(file, await readFile(new URL(file, folder), 'utf8'));
  const present = await readFile(target, 'utf8').catch(() => undefined);
  if (present === wanted) continue;
  if (check) stale.push(file);
  else await writeFile(target, wanted);
}
if (stale.length > 0) {
  console.error(`Embedded scripts are stale: ${stale.join(', ')}. Run: npm run lua.`);
  process.exitCode = 1;
}

function moduleOf(/** @type {string} */ file, /** @type {string} */ source) {
  const name = file
    .replace(/\.lua$/, '')
    .replaceAll('-', '_')
    .toUpperCase();
  const literal = source.replaceAll(/[\\`]|\$\{/g, '\\$&');
  return `// Made from ${file} by scripts/embed-lua.mjs: edit that, then run \`npm run lua\`.\n\nexport const ${name}_SCRIPT = \`${literal}\`;\n`;
}
