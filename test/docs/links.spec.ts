import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { PAGES, ROOT, textOf } from './markdown.js';

/** What GitHub makes of a heading: lower case, spaces to hyphens, no punctuation. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

const anchorsOf = (page: string): readonly string[] =>
  [...textOf(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading));

/** Why a link of a page leads nowhere; nothing if it leads somewhere, or out of the project. */
function fault(page: string, link: string): readonly string[] {
  if (/^\w+:/.test(link)) return [];
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? page : normalize(join(dirname(page), path));
  if (!existsSync(join(ROOT, target))) return [`${page}: ${link}: no such file`];
  if (anchor === undefined || anchorsOf(target).includes(anchor)) return [];
  return [`${page}: ${link}: no such heading`];
}

it('links of the pages lead somewhere', () => {
  const links = PAGES.flatMap((page) =>
    [...textOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => ({ page, link })),
  );
  expect(links.length).toBeGreaterThan(20);
  expect(links.flatMap(({ page, link }) => fault(page, link))).toEqual([]);
});
