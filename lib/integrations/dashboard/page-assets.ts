import { PAGE, SCRIPT, STYLE } from './page/page.generated.js';

/** A file that the page loads. */
interface Asset {
  readonly type: string;
  readonly text: string;
}

const ICON =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#1f6feb"/>' +
  '<path d="M4 3v10M12 3v10M4 6h8M4 10h8" stroke="#fff" stroke-width="1.6" fill="none"/></svg>';

/** The files that the page loads, by name. */
export const ASSETS: ReadonlyMap<string, Asset> = new Map([
  ['page.js', { type: 'text/javascript; charset=utf-8', text: SCRIPT }],
  ['page.css', { type: 'text/css; charset=utf-8', text: STYLE }],
  ['icon.svg', { type: 'image/svg+xml', text: ICON }],
]);

/** The page, which finds its files and its state under a path relative to itself. */
export const pageUnder = (base: string): string => PAGE.replaceAll('{{base}}', base);
