// Builds the documentation site: collects the pages of this repository in .site, generates the reference of the public
// types, writes llms.txt, and builds all of it to site-dist. Any warning fails the build.
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'vitepress';
import { reference } from './docs-reference.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = `${root}.site/`;
const MOST_LINES = 300;

/** Pages outside of docs, by their names on the site. @type {Readonly<Record<string, string>>} */
const OUTSIDE = {
  'sample-app/README.md': 'sample-app.md',
  'CHANGELOG.md': 'changelog.md',
  'CONTRIBUTING.md': 'contributing.md',
  'SECURITY.md': 'security.md',
};

await rm(target, { recursive: true, force: true });
await mkdir(`${target}decisions`, { recursive: true });
const pages = await collected();
await cp(`${root}docs/images`, `${target}public/images`, { recursive: true });
await cp(`${root}site/index.md`, `${target}index.md`);
await cp(`${root}site`, `${target}.vitepress`, { recursive: true });
await reference(`${target}reference`);
await checkLengths(target);
await writeFile(`${target}public/llms.txt`, llms());
await writeFile(`${target}public/llms-full.txt`, pages.map(({ text }) => text).join('\n\n'));

const warnings = heardWarnings();
await build(target, { outDir: `${root}site-dist` });
if (warnings.length > 0) {
  console.error(`The build warned:\n${warnings.join('\n')}`);
  process.exitCode = 1;
}

/** Copies pages, with links as the site needs them. */
async function collected() {
  const inDocs = (await readdir(`${root}docs`)).filter((name) => name.endsWith('.md'));
  const decisions = (await readdir(`${root}docs/decisions`)).filter((name) => name.endsWith('.md'));
  const sources = {
    ...Object.fromEntries(inDocs.map((name) => [`docs/${name}`, name === 'README.md' ? 'pages.md' : name])),
    ...Object.fromEntries(decisions.map((name) => [`docs/decisions/${name}`, `decisions/${name}`])),
    ...OUTSIDE,
  };
  return Promise.all(
    Object.entries(sources).map(async ([from, to]) => {
      const text = linked(await readFile(root + from, 'utf8'), from);
      await writeFile(target + to, text);
      return { name: to, text };
    }),
  );
}

/** A page with its links changed to those of the site; what the site does not have is no link there. */
function linked(/** @type {string} */ text, /** @type {string} */ from) {
  return text.replaceAll(
    /(!?)\[([^\]]+)\]\(([^)\s]+)\)/g,
    (
      /** @type {string} */ whole,
      /** @type {string} */ image,
      /** @type {string} */ label,
      /** @type {string} */ link,
    ) => {
      if (/^(\w+:|#)/.test(link)) return whole;
      const [path = '', anchor] = link.split('#');
      const place = new URL(path, `file:///${from}`).pathname.slice(1);
      const page = pageOf(place);
      if (image === '!') return `![${label}](/${place.replace(/^docs\//, '')})`;
      return page === undefined ? label : `[${label}](/${page}${anchor === undefined ? '' : `#${anchor}`})`;
    },
  );
}

/** The page of a file on the site; `undefined` if it has none. */
function pageOf(/** @type {string} */ file) {
  if (file === 'README.md') return '';
  if (file === 'docs/README.md') return 'pages';
  if (file === 'docs/api/') return 'reference/';
  if (file === 'docs/decisions/') return 'decisions/default-algorithm';
  const name = OUTSIDE[file] ?? /^docs\/((?:decisions\/)?[\w-]+\.md)$/.exec(file)?.[1];
  return name?.replace(/\.md$/, '');
}

async function checkLengths(/** @type {string} */ folder) {
  const files = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.md'));
  for (const name of files) {
    const lines = (await readFile(folder + name, 'utf8')).split('\n').length - 1;
    if (lines > MOST_LINES) throw new Error(`${name} has ${lines} lines, more than ${MOST_LINES}.`);
  }
}

/** What https://llmstxt.org asks for: the pages, each with its first sentence. */
function llms() {
  const entries = pages
    .filter(({ name }) => name !== 'pages.md')
    .map(({ name, text }) => {
      const [, title = name] = /^# (.+)$/m.exec(text) ?? [];
      const first = text.split('\n').find((line) => /^[A-Z`]/.test(line)) ?? '';
      return `- [${title}](/${name.replace(/\.md$/, '')}): ${first.replaceAll(/\[([^\]]+)\]\([^)]+\)/g, '$1')}`;
    });
  const about = 'Rate limits and circuit breakers for NestJS that keep working when their store does not.';
  return `# nestjs-floodgate\n\n> ${about}\n\nAll pages in one file: /llms-full.txt\n\n## Pages\n\n${entries.join('\n')}\n`;
}

/** Everything that the build warns of, from now on. */
function heardWarnings() {
  /** @type {string[]} */
  const heard = [];
  const { warn } = console;
  console.warn = (...parts) => {
    heard.push(parts.map(String).join(' '));
    warn(...parts);
  };
  return heard;
}
