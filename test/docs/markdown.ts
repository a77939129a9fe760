import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The folder that holds the README. */
export const ROOT = resolve(import.meta.dirname, '../..');

/** Every page that people read, as a path from the root; generated reports are none. */
export const PAGES: readonly string[] = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'sample-app/README.md',
  ...['docs', 'docs/decisions'].flatMap((folder) =>
    readdirSync(join(ROOT, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `${folder}/${name}`),
  ),
];

/** A fenced block of code. */
export interface CodeBlock {
  readonly page: string;
  /** Line of its first line in the page, from 1. */
  readonly line: number;
  readonly language: string;
  readonly text: string;
  /** What its first line calls it, as in `// cats.ts`: other blocks of the page may import it by that name. */
  readonly fileName: string | undefined;
}

export const textOf = (page: string): string => readFileSync(join(ROOT, page), 'utf8');

/** The blocks of a page, in its order. */
export function blocksOf(page: string): readonly CodeBlock[] {
  const text = textOf(page);
  return [...text.matchAll(/^```(\w+)[^\n]*\n(.*?)^```$/gms)].map((match) => {
    const [, language = '', code = ''] = match;
    const [, fileName] = /^\/\/ ([\w.-]+\.ts)$/m.exec(code.split('\n', 1)[0] ?? '') ?? [];
    return { page, line: text.slice(0, match.index).split('\n').length + 1, language, text: code, fileName };
  });
}

export const typescriptOf = (page: string): readonly CodeBlock[] =>
  blocksOf(page).filter(({ language }) => language === 'ts' || language === 'typescript');
