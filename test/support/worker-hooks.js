import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { transform } from '@swc/core';

/** Module hooks of worker processes: they run the TypeScript of `lib` and `test` as it is, decorators and all. */

const root = new URL('../../', import.meta.url);
const isOurs = (/** @type {string | undefined} */ url) => url?.startsWith(root.href) && !url.includes('/node_modules/');

/** Where the source of an entry point of the package is. @type {(name: string) => string} */
function sourceOf(name) {
  if (name === '') return 'lib/index.ts';
  if (name === 'testing') return 'lib/testing/index.ts';
  return `lib/${existsSync(new URL(`lib/backends/${name}/`, root)) ? 'backends' : 'integrations'}/${name}/index.ts`;
}

/**
 * Sources import each other by the name that they have once built: `./thing.js` stands for `./thing.ts`.
 *
 * @type {import('node:module').ResolveHook}
 */
export async function resolve(specifier, context, next) {
  const [, entry] = /^nestjs-floodgate(?:$|\/)(.*)$/.exec(specifier) ?? [];
  if (entry !== undefined) return next(new URL(sourceOf(entry), root).href, context);
  if (!/^\.{1,2}\/.*\.js$/.test(specifier) || !isOurs(context.parentURL)) return next(specifier, context);
  try {
    return await next(specifier.replace(/js$/, 'ts'), context);
  } catch {
    return next(specifier, context);
  }
}

/** @type {import('node:module').LoadHook} */
export async function load(url, context, next) {
  if (!url.endsWith('.ts') || !isOurs(url)) return next(url, context);
  const filename = fileURLToPath(url);
  const { code } = await transform(await readFile(filename, 'utf8'), {
    filename,
    sourceMaps: 'inline',
    jsc: {
      target: 'es2023',
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: true },
      keepClassNames: true,
    },
    module: { type: 'es6' },
  });
  return { format: 'module', source: code, shortCircuit: true };
}
