/** The call in a line of an access log. */
export interface LoggedCall {
  readonly atMs: number;
  /** Address of the client, as it was written. */
  readonly address: string | undefined;
  readonly user: string | undefined;
  /** Path with its query, if the line has one. */
  readonly path: string | undefined;
  /** A header of the request; names are lower case. */
  header(name: string): string | undefined;
}

/** Reads a line; `undefined`: it is broken. */
export type LineReader = (line: string) => LoggedCall | undefined;

/** Address, identity, user, time, request, status, size, and in the combined format referer and user agent. */
const COMMON =
  /^(\S+) \S+ (.+?) \[(\d\d)\/([A-Z][a-z]{2})\/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)\] "((?:[^"\\]|\\.)*)" (?:\d{3}|-) \S+(?: "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)")?/;

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** A reader of lines in the common, the combined format or JSON: each line tells which by its first character. */
export const readLine: LineReader = (line) => (line.startsWith('{') ? ofJson(line) : ofCommon(line));

function ofCommon(line: string): LoggedCall | undefined {
  const found = COMMON.exec(line);
  if (found === null) return undefined;
  const atMs = timeOf(found);
  if (Number.isNaN(atMs)) return undefined;
  const [, address, user, , , , , , , , , , request = '', referer, agent] = found;
  return {
    atMs,
    address,
    user: user === '-' ? undefined : user,
    path: request.split(' ')[1],
    header: (name) => present(name === 'referer' ? referer : name === 'user-agent' ? agent : undefined),
  };
}

function timeOf(found: RegExpExecArray): number {
  const [, , , day, month = '', year, hour, minute, second, sign, zoneHours, zoneMinutes] = found;
  const at = Date.UTC(Number(year), MONTHS.indexOf(month), Number(day), Number(hour), Number(minute), Number(second));
  const offsetMs = (Number(zoneHours) * 60 + Number(zoneMinutes)) * 60_000;
  return MONTHS.includes(month) ? at + (sign === '-' ? offsetMs : -offsetMs) : Number.NaN;
}

const present = (text: string | undefined): string | undefined => (text === '-' || text === '' ? undefined : text);

type Fields = Readonly<Record<string, unknown>>;

/** Where loggers of Node, nginx, Caddy and Traefik write what is needed, most particular first. */
const PLACES = {
  address: ['remoteAddress', 'remote_addr', 'remote_ip', 'client_ip', 'clientIp', 'ClientHost', 'ip', 'clientip'],
  user: ['remote_user', 'remoteUser', 'user', 'userId', 'user_id', 'ClientUsername'],
  time: ['time', 'timestamp', '@timestamp', 'ts', 'time_iso8601', 'time_local', 'StartUTC', 'msec', 'datetime', 'date'],
  path: ['url', 'uri', 'path', 'request_uri', 'RequestPath', 'originalUrl'],
} as const;

function ofJson(line: string): LoggedCall | undefined {
  let entry: unknown;
  try {
    entry = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!isFields(entry)) return undefined;
  const fields = entry;
  const request = [fields['req'], fields['request'], fields['httpRequest']].find(isFields) ?? {};
  const find = (names: readonly string[]): unknown =>
    names.map((name) => fields[name] ?? request[name]).find((value) => value !== undefined && value !== null);
  const atMs = timeOfValue(find(PLACES.time));
  if (atMs === undefined) return undefined;
  const headers = [request['headers'], fields['headers']].find(isFields) ?? {};
  return {
    atMs,
    address: textOf(find(PLACES.address)),
    user: textOf(userOf(find(PLACES.user))),
    path: textOf(find(PLACES.path)),
    header: (name) => {
      const own = Object.keys(headers).find((one) => one.toLowerCase() === name);
      const value = own === undefined ? fields[`http_${name.replaceAll('-', '_')}`] : headers[own];
      return present(textOf(Array.isArray(value) ? value.join(',') : value));
    },
  };
}

/** Seconds or milliseconds since the epoch, as a number or a text, or a date of ISO 8601. */
function timeOfValue(value: unknown): number | undefined {
  if (typeof value !== 'number' && typeof value !== 'string') return undefined;
  const number = typeof value === 'string' && value.trim() === '' ? Number.NaN : Number(value);
  const atMs = Number.isNaN(number) ? Date.parse(String(value)) : number < 1e11 ? number * 1_000 : number;
  return Number.isFinite(atMs) && atMs >= 0 ? Math.floor(atMs) : undefined;
}

const userOf = (value: unknown): unknown => (isFields(value) ? (value['id'] ?? value['sub'] ?? value['name']) : value);

const textOf = (value: unknown): string | undefined =>
  (typeof value === 'string' && value !== '' && value !== '-') || typeof value === 'number' ? String(value) : undefined;

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
