// Measures how hard the pages and the public docstrings are to read, and finds phrases of bookish English.
//   npm run docs:readability               a table of all pages
//   npm run docs:readability -- --check    fails on a phrase of the list, or on a text above the bounds
//   npm run docs:readability -- --root DIR measures another checkout, such as that of an older commit
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { flesch } from 'flesch';
import { syllable } from 'syllable';
import { phrasesIn } from './plain-english.mjs';
import { docstringsOf } from './public-docstrings.mjs';

/** More words than this make a sentence a long one. */
const LONG = 25;

/** What `--check` accepts: mean words of a sentence, and long sentences among all. */
const BOUNDS = { meanWords: 18, longShare: 0.25 };

/** A text with fewer sentences has no mean worth a check. */
const FEW = 5;

/** @typedef {{ name: string, words: number, sentences: number, meanWords: number, longShare: number, ease: number, phrases: string[] }} Figures */

const { values } = parseArgs({ options: { root: { type: 'string' }, check: { type: 'boolean', default: false } } });
const root = values.root ?? fileURLToPath(new URL('..', import.meta.url));

/** Pages that people read, without the generated reports. */
const pages = [
  ...['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', 'sample-app/README.md'],
  ...['docs', 'docs/decisions'].flatMap((folder) =>
    (existsSync(join(root, folder)) ? readdirSync(join(root, folder)) : [])
      .filter((name) => name.endsWith('.md'))
      .map((name) => `${folder}/${name}`),
  ),
].filter((path) => existsSync(join(root, path)));

const texts = [
  ...pages.map((name) => {
    const text = readFileSync(join(root, name), 'utf8');
    return { name, prose: proseOf(text), all: text };
  }),
  ...docstringsOf(root).map(({ name, texts: docs }) => ({ name, prose: docs.flatMap(proseOf), all: docs.join('\n') })),
];
const measured = texts
  .map(({ name, prose, all }) => ({ ...figuresOf(name, prose), phrases: phrasesIn(all) }))
  .filter(({ words, phrases }) => words > 0 || phrases.length > 0);
const sources = sourceFiles(join(root, 'lib')).map((path) => ({
  name: relative(root, path),
  phrases: phrasesIn(readFileSync(path, 'utf8')),
}));

if (values.check) check();
else print();

/** Paragraphs and list items of a Markdown text: no code, headings, tables, HTML or addresses. */
function proseOf(/** @type {string} */ markdown) {
  const plain = markdown
    .replaceAll(/^---\n.*?^---$/gms, '')
    .replaceAll(/^( *)```.*?^\1```$/gms, '')
    .replaceAll(/<!--.*?-->/gs, '')
    .replaceAll(/^(?:#|\|| {4}).*$/gm, '')
    .replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll(/\{@link [^}]*\}/g, 'code')
    .replaceAll(/<[^>]+>/g, '')
    // A name in code is one word.
    .replaceAll(/`[^`]+`/g, 'code')
    .replaceAll(/\*\*|__/g, '');
  return plain
    .split(/\n\s*\n|\n(?=\s*(?:[-*]|\d+\.)\s)/)
    .map((part) =>
      part
        .replace(/^\s*(?:[-*>]|\d+\.)\s+/, '')
        .replaceAll(/\s+/g, ' ')
        .trim(),
    )
    .filter((part) => /\p{L}/u.test(part));
}

/** @returns {Omit<Figures, 'phrases'>} */
function figuresOf(/** @type {string} */ name, /** @type {readonly string[]} */ prose) {
  const sentences = prose
    .flatMap((part) => part.split(/(?<=[.!?]["')]?)\s+(?=["'(]?[\p{Lu}\d]|code\b)/u))
    .map((sentence) => sentence.match(/[\p{L}\p{N}][\p{L}\p{N}'’.,-]*/gu) ?? [])
    .filter((words) => words.length > 0);
  const words = sentences.flat();
  const syllables = words.reduce((sum, word) => sum + Math.max(1, syllable(word)), 0);
  return {
    name,
    words: words.length,
    sentences: sentences.length,
    meanWords: words.length / Math.max(1, sentences.length),
    longShare: sentences.filter(({ length }) => length > LONG).length / Math.max(1, sentences.length),
    ease: words.length === 0 ? 0 : flesch({ sentence: sentences.length, word: words.length, syllable: syllables }),
  };
}

/** Without generated files, and without conformance cases: their names are public and stay. */
function sourceFiles(/** @type {string} */ folder) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !/\.generated\.|^testing[/](?:cases|decision-vectors)/.test(name))
    .map((name) => join(folder, name));
}

function print() {
  const row = (/** @type {Figures} */ { name, words, sentences, meanWords, longShare, ease, phrases }) => ({
    text: name,
    words,
    sentences,
    'words a sentence': Number(meanWords.toFixed(1)),
    [`over ${LONG} words`]: `${Math.round(longShare * 100)} %`,
    'reading ease': Math.round(ease),
    phrases: phrases.length,
  });
  const total = (/** @type {string} */ name, /** @type {readonly Figures[]} */ all) => {
    const sum = (/** @type {(one: Figures) => number} */ of) => all.reduce((before, one) => before + of(one), 0);
    const [words, sentences] = [sum((one) => one.words), sum((one) => one.sentences)];
    return {
      name,
      words,
      sentences,
      meanWords: words / sentences,
      longShare: sum((one) => one.longShare * one.sentences) / sentences,
      ease: sum((one) => one.ease * one.words) / words,
      phrases: all.flatMap(({ phrases }) => phrases),
    };
  };
  const isDocstrings = (/** @type {Figures} */ { name }) => name.startsWith('nestjs-floodgate');
  console.table(measured.toSorted((one, other) => other.meanWords - one.meanWords).map(row));
  console.table([
    row(
      total(
        'all pages',
        measured.filter((one) => !isDocstrings(one)),
      ),
    ),
    row(total('all public docstrings', measured.filter(isDocstrings))),
  ]);
  const found = sources.flatMap(({ phrases }) => phrases).length;
  console.log(`Phrases of the list in comments and messages of lib: ${found}.`);
}

function check() {
  const wrong = [
    ...[...measured, ...sources].flatMap(({ name, phrases }) => phrases.map((phrase) => `${name}: ${phrase}`)),
    ...measured
      .filter(({ sentences }) => sentences >= FEW)
      .flatMap(({ name, meanWords, longShare }) => [
        ...(meanWords > BOUNDS.meanWords
          ? [`${name}: ${meanWords.toFixed(1)} words a sentence, at most ${BOUNDS.meanWords}`]
          : []),
        ...(longShare > BOUNDS.longShare
          ? [
              `${name}: ${Math.round(longShare * 100)} % of the sentences have over ${LONG} words, at most ${BOUNDS.longShare * 100} %`,
            ]
          : []),
      ]),
  ];
  for (const line of wrong) console.error(line);
  if (wrong.length > 0) process.exitCode = 1;
}
