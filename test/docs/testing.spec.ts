import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import ts from 'typescript';
import { ROOT, typescriptOf } from './markdown.js';
import { RunnableBlocks } from './runnable-blocks.js';

const PAGE = 'docs/testing.md';
const blocks = await RunnableBlocks.of(PAGE);
afterAll(() => blocks[Symbol.asyncDispose]());

// They have tests of their own.
await blocks.exportsOf('cats.spec.ts');
await blocks.exportsOf('unlimited.spec.ts');

const run = promisify(execFile);

/** Runs a command on blocks of the page, as files of a project that has the package as it is built. */
async function ran(files: Readonly<Record<string, string>>, ...command: string[]): Promise<string> {
  const directory = await mkdtemp(join(ROOT, 'test/docs/.runner-'));
  try {
    for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
    const env = { ...process.env, NODE_OPTIONS: '', VITEST: undefined, JEST_WORKER_ID: undefined };
    const { stdout } = await run(process.execPath, command, { cwd: directory, env: env as NodeJS.ProcessEnv });
    return stdout;
  } finally {
    await rm(directory, { recursive: true });
  }
}

const textOf = (fileName: string): string => typescriptOf(PAGE).find((block) => block.fileName === fileName)!.text;

test('runs the example of Vitest', async () => {
  const files = {
    'cats.ts': textOf('cats.ts'),
    'cats.test.ts': textOf('cats.test.ts'),
    'vitest.config.js': 'export default {};',
  };
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const printed = await ran(files, vitest, 'run', '--root', '.', '--no-color', '--pool', 'threads');
  expect(printed).toMatch(/Tests +2 passed \(2\)/);
});

test('runs the example of node:test', async () => {
  const compilerOptions: ts.CompilerOptions = {
    module: ts.ModuleKind.ESNext,
    target: ts.ScriptTarget.ES2022,
    experimentalDecorators: true,
  };
  const compiled = (fileName: string): string =>
    ts.transpileModule(textOf(fileName), { fileName, compilerOptions }).outputText;
  const files = { 'cats.js': compiled('cats.ts'), 'cats.node.js': compiled('cats.node.ts') };
  const printed = await ran(files, '--test', '--test-reporter', 'tap', 'cats.node.js');
  expect(printed).toMatch(/^# pass 2$/m);
});
