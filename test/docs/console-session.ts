import { STATUS_CODES } from 'node:http';
import { blocksOf } from './markdown.js';

/** A command of a walk-through, and what the page says that it prints. */
export interface Step {
  readonly command: string;
  readonly output: string;
}

/** The commands of a `console` block: lines after `$ `, each with the lines that follow. */
export function stepsOf(text: string): readonly Step[] {
  return text
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [command = '', ...lines] = part.split('\n');
      return { command, output: lines.join('\n').trim() };
    });
}

/** Headers by which the limiter speaks; the others are left out of pages. */
const SHOWN = ['RateLimit-Policy', 'RateLimit', 'Retry-After', 'X-RateLimit-Limit'];

interface Request {
  readonly path: string;
  readonly init: RequestInit;
  /** `-i`: status and headers are printed too. */
  readonly head: boolean;
  /** `-w '%{http_code} '`: nothing else is printed. */
  readonly statusOnly: boolean;
}

/** Does what `curl` would do with `localhost:3000`, in a loop or not, at another address. */
export async function curl(command: string, url: string): Promise<string> {
  const [, count, looped] = /^for i in \$\(seq (\d+)\); do (.*); done$/.exec(command) ?? [];
  const request = requestOf(looped ?? command);
  const printed: string[] = [];
  for (let call = 0; call < Number(count ?? 1); call += 1) printed.push(await print(request, url));
  return printed.join('').trim();
}

function requestOf(command: string): Request {
  const [program, ...words] = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');
  if (program !== 'curl') throw new Error(`No curl: ${command}`);
  const fields: string[] = [];
  const headers: Record<string, string> = {};
  let method: string | undefined;
  let path: string | undefined;
  const flags = new Set<string>();
  while (words.length > 0) {
    const word = words.shift() as string;
    if (word === '-X') method = words.shift();
    else if (word === '-d') fields.push(words.shift() ?? '');
    else if (word === '-H') {
      const [name = '', value = ''] = (words.shift() ?? '').split(': ');
      headers[name] = value;
    } else if (word === '-w' || word === '-o') flags.add(word).add(words.shift() ?? '');
    else if (word.startsWith('localhost:3000/')) path = word.slice('localhost:3000'.length);
    else if (word === '-s' || word === '-i') flags.add(word);
    else throw new Error(`What is ${word} in: ${command}`);
  }
  if (path === undefined) throw new Error(`No address of the sample in: ${command}`);
  const body = fields.length === 0 ? undefined : bodyOf(fields, headers['Content-Type']);
  method ??= body === undefined ? 'GET' : 'POST';
  return {
    path,
    init: { method, headers, ...(body && { body }) },
    head: flags.has('-i'),
    statusOnly: flags.has('-w'),
  };
}

/** A form, as `curl -d` sends one, unless a header says otherwise. */
const bodyOf = (fields: readonly string[], type?: string): string | URLSearchParams =>
  type === undefined ? new URLSearchParams(fields.join('&')) : fields.join('&');

async function print({ path, init, head, statusOnly }: Request, url: string): Promise<string> {
  const response = await fetch(`${url}${path}`, init);
  const body = await response.text();
  if (statusOnly) return `${response.status} `;
  return head ? `${headOf(response)}\n\n${body}` : body;
}

/** Status line and headers of the limiter, as `curl -i` prints them. */
export function headOf({ status, headers }: Response, shown: readonly string[] = SHOWN): string {
  const lines = shown.flatMap((name) => (headers.has(name) ? [`${name}: ${headers.get(name)}`] : []));
  return [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines].join('\n');
}

/** Without what differs from one run to the next: times. */
export const timeless = (text: string): string =>
  text
    .replaceAll(/;t=\d+/g, ';t=T')
    .replaceAll(/^Retry-After: \d+$/gm, 'Retry-After: T')
    .replaceAll(/"(latencyMs|retryAfterMs|resetAfterMs|nextUnitAfterMs)":\d+/g, '"$1":T')
    .replaceAll(/"\d{4}-\d\d-\d\dT[\d:.]+Z"/g, '"T"');

/** The whole responses that the `http` blocks of a page show, in its order. */
export const responsesOf = (page: string): readonly string[] =>
  blocksOf(page)
    .filter(({ language, text }) => language === 'http' && text.startsWith('HTTP/'))
    .map(({ text }) => timeless(text.trim()));

/** The response to the last of some calls, as a page shows it. */
export async function responseTo(url: string, calls: number, headers: readonly string[]): Promise<string> {
  for (let call = 1; call < calls; call += 1) await fetch(url);
  const response = await fetch(url);
  return timeless(`${headOf(response, headers)}\n\n${await response.text()}`);
}
