/** What is read of a request; Express and Fastify both have it. */
export interface HttpRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly socket: { readonly remoteAddress?: string };
}

/** Headers by which proxies tell that they forward. */
const FORWARDED = /^(?:forwarded|via|x-forwarded-.*|x-real-ip|x-client-ip|true-client-ip|.*-connecting-ip)$/;

/**
 * Whether a request comes from this machine: by its socket, and by the name that it calls the server by, which a page of
 * another site cannot choose even if that site's name resolves to this machine. One that was forwarded does not.
 */
export function isLocal({ headers, socket }: HttpRequest): boolean {
  const forwarded = Object.keys(headers).some((name) => FORWARDED.test(name));
  return !forwarded && isLoopback(socket.remoteAddress ?? '') && isLoopbackName(hostname(headers['host']));
}

/**
 * Whether a request is of the page itself, or of no browser. What another site's page asks is not, whatever the
 * application's CORS says; a link to the page may stand anywhere.
 */
export function isOwnOrigin({ method, headers }: HttpRequest): boolean {
  const { origin, host } = headers;
  const site = headers['sec-fetch-site'];
  if (method === 'GET' && headers['sec-fetch-mode'] === 'navigate') return true;
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false;
  if (origin === undefined) return true;
  return typeof origin === 'string' && URL.canParse(origin) && new URL(origin).host === host;
}

const isLoopback = (address: string): boolean => /^(?:::ffff:)?127\.\d+\.\d+\.\d+$|^::1$/.test(address);

const isLoopbackName = (name: string): boolean =>
  name === 'localhost' || name === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(name);

/** Name in a Host header, without the port. */
function hostname(host: string | string[] | undefined): string {
  return typeof host === 'string' ? host.replace(/:\d+$/, '').toLowerCase() : '';
}
