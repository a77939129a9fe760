import { dirname, join, relative } from 'node:path';
import ts from 'typescript';
import { type CodeBlock, ROOT } from './markdown.js';

/** Options of the project; an example may name what it does not use. */
export const COMPILER_OPTIONS: ts.CompilerOptions = {
  ...ts.getParsedCommandLineOfConfigFile(join(ROOT, 'tsconfig.json'), {}, configHost())?.options,
  noEmit: true,
  noUnusedLocals: false,
  noUnusedParameters: false,
  moduleDetection: ts.ModuleDetectionKind.Force,
};

/**
 * Type-checks blocks as modules, all in one program. Blocks of a page stand side by side in a folder that exists here
 * only, so a block can import one that has a name.
 *
 * @returns one line for each error, with the place of it in the page
 */
export function typeErrorsOf(blocks: readonly CodeBlock[]): readonly string[] {
  const files = new Map(blocks.map((block) => [pathOf(block), block]));
  const host = ts.createCompilerHost(COMPILER_OPTIONS);
  const { fileExists, readFile, directoryExists } = host;
  const folders = new Set([...files.keys()].map((path) => dirname(path)));
  host.fileExists = (path) => files.has(path) || fileExists(path);
  host.readFile = (path) => files.get(path)?.text ?? readFile(path);
  host.directoryExists = (path) => folders.has(path) || (directoryExists?.(path) ?? false);

  const program = ts.createProgram([...files.keys()], COMPILER_OPTIONS, host);
  return [...files].flatMap(([path, block]) => {
    const source = program.getSourceFile(path);
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map((diagnostic) => {
      const { line } = ts.getLineAndCharacterOfPosition(source!, diagnostic.start ?? 0);
      return `${block.page}:${block.line + line}: ${ts.flattenDiagnosticMessageText(diagnostic.messageText, ' ')}`;
    });
  });
}

function pathOf({ page, line, fileName }: CodeBlock): string {
  return join(ROOT, 'test/docs/.blocks', page.replaceAll(/\W/g, '-'), fileName ?? `line-${line}.ts`);
}

function configHost(): ts.ParseConfigFileHost {
  return {
    ...ts.sys,
    onUnRecoverableConfigFileDiagnostic: ({ messageText }) => {
      throw new Error(`${relative(ROOT, 'tsconfig.json')}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`);
    },
  };
}
