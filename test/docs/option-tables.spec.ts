import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { DEFAULT_SETTINGS } from '../../lib/breaker/breaker.options.js';
import { settingsOf } from '../../lib/rate-limit.validation.js';
import { PAGES, ROOT, textOf } from './markdown.js';
import { COMPILER_OPTIONS } from './type-checker.js';

/** A table of options, under a comment that says of which type: `<!-- options: X -->`. */
interface OptionTable {
  readonly type: string;
  /** `beyond Y`: options that both have stand in the table of the other. */
  readonly beyond: string | undefined;
  /** What the second column says of each option. */
  readonly defaults: ReadonlyMap<string, string>;
}

const TABLES: readonly OptionTable[] = [
  ...PAGES.map(textOf)
    .join('\n')
    .matchAll(/<!-- options: (\w+)(?: beyond (\w+))? -->\n\n((?:\|.*\n)+)/g),
].map(([, type = '', beyond, table = '']) => ({ type, beyond, defaults: defaultsOf(table) }));

function defaultsOf(table: string): ReadonlyMap<string, string> {
  const rows = table.trim().split('\n').slice(2);
  return new Map(
    rows.map((row) => {
      const [, name = '', given = ''] = row.split('|').map((cell) => cell.trim());
      return [name.replaceAll('`', ''), given];
    }),
  );
}

/** The sources of all entry points but the one for tests. */
const ENTRY_POINTS = [
  'lib/index.ts',
  ...['lib/backends', 'lib/integrations'].flatMap((folder) =>
    readdirSync(join(ROOT, folder))
      .map((name) => `${folder}/${name}/index.ts`)
      .filter((file) => existsSync(join(ROOT, file))),
  ),
];

/** Every exported type that is called options, with the names of its properties, as the compiler sees them. */
function optionTypes(): ReadonlyMap<string, readonly string[]> {
  const entries = ENTRY_POINTS.map((path) => join(ROOT, path));
  const program = ts.createProgram(entries, COMPILER_OPTIONS);
  const checker = program.getTypeChecker();
  const types = new Map<string, readonly string[]>();
  for (const entry of entries) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(entry)!)!;
    for (const exported of checker.getExportsOfModule(module)) {
      if (!exported.name.endsWith('Options')) continue;
      const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
      types.set(exported.name, propertiesOf(checker, checker.getDeclaredTypeOfSymbol(symbol)));
    }
  }
  return types;
}

function propertiesOf(checker: ts.TypeChecker, type: ts.Type): readonly string[] {
  const alternatives = type.isUnion() ? type.types : [type];
  return [...new Set(alternatives.flatMap((one) => checker.getPropertiesOfType(one)).map(({ name }) => name))];
}

/** The value that a cell such as `` `250` ms `` or `` `'ip'` `` stands for; `undefined` if it is said in words. */
function literal(cell: string): unknown {
  const [, code, unit] = /^`([^`]*)`(?: (ms|s))?$/.exec(cell) ?? [];
  if (code === undefined) return undefined;
  try {
    const value = JSON.parse(code.replaceAll("'", '"').replace(/\{ (\w+):/, '{ "$1":')) as unknown;
    return unit === 's' ? Number(value) * 1_000 : value;
  } catch {
    return undefined;
  }
}

/** Compares what cells say with the defaults of the code, where a duration's name ends in `Ms`. */
function expectDefaults(type: string, settings: object, inWords: readonly string[]): void {
  const { defaults } = TABLES.find((one) => one.type === type)!;
  const actual = settings as Readonly<Record<string, unknown>>;
  for (const [option, cell] of defaults) {
    if (inWords.includes(option)) continue;
    expect({ [option]: literal(cell) }).toEqual({ [option]: actual[option] ?? actual[`${option}Ms`] });
  }
}

describe('tables of options', () => {
  it('name every option that there is, and no other', () => {
    const types = optionTypes();
    const found = TABLES.map(({ type, beyond, defaults }) => [type, beyond, [...defaults.keys()].sort()]);
    const expected = TABLES.map(({ type, beyond }) => {
      const others = beyond === undefined ? [] : types.get(beyond)!;
      return [
        type,
        beyond,
        types
          .get(type)!
          .filter((name) => !others.includes(name))
          .sort(),
      ];
    });
    expect(found).toEqual(expected);
    expect(TABLES.map(({ type }) => type).sort()).toEqual([...types.keys()].sort());
  });

  it("tell the module's defaults", () => {
    const inWords = ['backend', 'skipIf', 'isGlobal', 'userKey'];
    expectDefaults('RateLimitModuleOptions', settingsOf({}), inWords);
  });

  it("tell a breaker's defaults", () => {
    expectDefaults('CircuitBreakerOptions', DEFAULT_SETTINGS, ['callTimeout', 'isFailure', 'clock']);
  });
});
