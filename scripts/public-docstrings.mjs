// The docstrings of what the entry points export: of each symbol and of each member.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

/**
 * Docstrings by entry point, such as `nestjs-floodgate/redis`. A text that two of them export counts once.
 *
 * @returns {readonly { name: string, texts: readonly string[] }[]}
 */
export function docstringsOf(/** @type {string} */ root) {
  /** @type {unknown} */
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const { exports } = /** @type {{ exports: Record<string, string | { import?: { types: string } }> }} */ (manifest);
  const entries = Object.entries(exports).flatMap(([name, target]) =>
    typeof target === 'object' && target.import !== undefined
      ? [{ name: join('nestjs-floodgate', name), file: sourceOf(root, target.import.types) }]
      : [],
  );
  const options = ts.parseJsonConfigFileContent(
    ts.readConfigFile(join(root, 'tsconfig.json'), (path) => ts.sys.readFile(path)).config,
    ts.sys,
    root,
  ).options;
  const program = ts.createProgram(
    entries.map(({ file }) => file),
    options,
  );
  const checker = program.getTypeChecker();
  /** @type {Set<import('typescript').Symbol>} */
  const seen = new Set();
  return entries.map(({ name, file }) => {
    const source = program.getSourceFile(file);
    const module = source && checker.getSymbolAtLocation(source);
    const symbols = module === undefined ? [] : checker.getExportsOfModule(module);
    return { name, texts: symbols.flatMap((symbol) => textsOf(symbol, checker, seen)) };
  });
}

const sourceOf = (/** @type {string} */ root, /** @type {string} */ types) =>
  join(root, types.replace(/^\.\/dist\/(?:esm|cjs)\//, 'lib/').replace(/\.d\.ts$/, '.ts'));

/** @returns {string[]} */
function textsOf(
  /** @type {import('typescript').Symbol} */ symbol,
  /** @type {import('typescript').TypeChecker} */ checker,
  /** @type {Set<import('typescript').Symbol>} */ seen,
) {
  const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  const isOurs = target.declarations?.some((one) => !one.getSourceFile().fileName.includes('node_modules')) ?? false;
  if (seen.has(target) || !isOurs) return [];
  seen.add(target);
  const tags = target.getJsDocTags(checker).filter(({ name }) => name !== 'example' && name !== 'see');
  const members = [...(target.members?.values() ?? []), ...(target.exports?.values() ?? [])];
  return [
    ts.displayPartsToString(target.getDocumentationComment(checker)),
    ...tags.map(({ text }) => ts.displayPartsToString(text)),
    ...members.filter(isPublic).flatMap((member) => textsOf(member, checker, seen)),
  ].filter((text) => text.trim() !== '');
}

const isPublic = (/** @type {import('typescript').Symbol} */ { declarations = [] }) =>
  declarations.every(
    (one) => (ts.getCombinedModifierFlags(one) & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)) === 0,
  );
