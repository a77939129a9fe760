// Bundles the dashboard's page, uPlot included, into one TypeScript module, so that nothing reads a file at run time;
// with --check it fails if what is there is stale.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const folder = new URL('../lib/integrations/dashboard/page/', import.meta.url);
const target = new URL('page.generated.ts', folder);

// Its bundle carries no notice that a bundler would keep.
const licence = `/*! With uPlot:\n${await readFile(new URL('../node_modules/uplot/LICENSE', import.meta.url), 'utf8')}*/\n`;

const wanted = [
  '// Made from the files beside it by scripts/bundle-dashboard.mjs: edit those, then run `npm run page`.',
  literal('PAGE', await readFile(new URL('page.html', folder), 'utf8')),
  literal('SCRIPT', licence + (await bundled('main.ts'))),
  literal('STYLE', licence + (await bundled('page.css', `@import 'uplot/dist/uPlot.min.css';\n`))),
  '',
].join('\n\n');

const present = await readFile(target, 'utf8').catch(() => undefined);
if (present !== wanted) {
  if (process.argv.includes('--check')) {
    console.error('The bundled page is stale. Run: npm run page.');
    process.exitCode = 1;
  } else {
    await writeFile(target, wanted);
  }
}

/** One file with all that it imports, as small as it gets, with the licences of others. */
async function bundled(/** @type {string} */ file, before = '') {
  const path = fileURLToPath(new URL(file, folder));
  const { outputFiles } = await build({
    stdin: {
      contents: before + (await readFile(path, 'utf8')),
      resolveDir: fileURLToPath(folder),
      sourcefile: file,
      loader: file.endsWith('.css') ? 'css' : 'ts',
    },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    charset: 'utf8',
    legalComments: 'inline',
    write: false,
  });
  return outputFiles[0]?.text ?? '';
}

function literal(/** @type {string} */ name, /** @type {string} */ text) {
  return `export const ${name} = \`${text.replaceAll(/[\\`]|\$\{/g, '\\$&')}\`;`;
}
