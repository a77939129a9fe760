// Generates the reference of the public types as Markdown, from the docstrings of every entry point.
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { Application } from 'typedoc';

/** Writes it to a folder; any warning is an error. */
export async function reference(/** @type {string} */ out) {
  const folders = await Promise.all(
    ['backends', 'integrations'].map(async (kind) => {
      const names = await readdir(new URL(`../lib/${kind}`, import.meta.url));
      return names.map((name) => `lib/${kind}/${name}/index.ts`);
    }),
  );
  // A folder without an index is no entry point, such as the command line.
  const entryPoints = folders.flat().filter((path) => existsSync(new URL(`../${path}`, import.meta.url)));
  const options = {
    plugin: ['typedoc-plugin-markdown'],
    entryPoints: ['lib/index.ts', 'lib/testing/index.ts', ...entryPoints],
    out,
    entryFileName: 'index',
    tsconfig: 'tsconfig.esm.json',
    readme: 'none',
    excludeInternal: true,
    excludePrivate: true,
    excludeProtected: true,
    excludeExternals: true,
    disableSources: true,
    treatWarningsAsErrors: true,
    validation: { notExported: false },
    logLevel: 'Warn',
    // Of the plugin.
    hideBreadcrumbs: true,
    hidePageHeader: true,
    parametersFormat: 'table',
    interfacePropertiesFormat: 'table',
    classPropertiesFormat: 'table',
    typeAliasPropertiesFormat: 'table',
    enumMembersFormat: 'table',
  };
  const application = await Application.bootstrapWithPlugins(/** @type {object} */ (options));
  const project = await application.convert();
  if (project === undefined || application.logger.hasErrors() || application.logger.hasWarnings()) {
    throw new Error('The reference could not be generated.');
  }
  await application.generateOutputs(project);
  for (const name of await readdir(out, { recursive: true })) {
    if (name.endsWith('.md')) await writeFile(`${out}/${name}`, tightened(await readFile(`${out}/${name}`, 'utf8')));
  }
}

/** A page without rules between its parts, without returned types that its signatures tell, and with fewer headings. */
function tightened(/** @type {string} */ page) {
  return page
    .replaceAll(/^\*\*\*\n\n/gm, '')
    .replaceAll(/^#+ Returns\n\n[^\n]+\n\n?(?=#|$)/gm, '')
    .replaceAll(/^#+ (Throws|Default|Default Value|Remarks)\n\n/gm, '**$1:** ')
    .replaceAll(/^(#+ .+)\n\n/gm, '$1\n');
}
