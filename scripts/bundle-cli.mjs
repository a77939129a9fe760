// Bundles the command line with the libraries that only it needs, so that whoever installs the package installs nothing
// else. What users of the package have anyway (peers) stays outside, and a driver is loaded when its store is asked.
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = new URL('../', import.meta.url);
const folder = new URL('dist/cli/', root);
/** @type {unknown} */
const manifest = JSON.parse(await readFile(new URL('package.json', root), 'utf8'));
const { peerDependencies } = /** @type {{ peerDependencies: Record<string, string> }} */ (manifest);

await rm(folder, { recursive: true, force: true });
const { metafile } = await build({
  absWorkingDir: fileURLToPath(root),
  entryPoints: { floodgate: 'lib/integrations/cli/main.ts' },
  outdir: fileURLToPath(folder),
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  charset: 'utf8',
  // cli-table3 colours its lines with it, if it is there; nothing here has colours.
  external: [...Object.keys(peerDependencies), '@colors/colors'],
  // For libraries in CommonJS.
  banner: {
    js: `import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);`,
  },
  metafile: true,
});
await writeFile(new URL('licences.txt', folder), await licences(Object.keys(metafile.inputs)));

/** The licences of the packages that the files come from. */
async function licences(/** @type {readonly string[]} */ files) {
  const folders = new Set(files.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []));
  const texts = [...folders].sort().map(async (path) => {
    const names = await readdir(new URL(path, root));
    const name = names.find((one) => /^licen[cs]e/i.test(one));
    if (name === undefined) throw new Error(`${path} has no licence file.`);
    const text = await readFile(new URL(`${path}/${name}`, root), 'utf8');
    return `${path.replace(/^.*node_modules\//, '')}\n\n${text.trim()}\n`;
  });
  return `The command line is bundled with these packages.\n\n${(await Promise.all(texts)).join('\n---\n\n')}`;
}
