/** The retry information in an error of an HTTP client. */
interface AnsweredError {
  readonly retryAfterMs?: unknown;
  readonly headers?: unknown;
  readonly response?: { readonly headers?: unknown };
}

/**
 * The wait that an error asks for, in ms: `Retry-After` of its response (RFC 9110, 10.2.3: seconds or a date), else the
 * error's own `retryAfterMs`; 0 if there is none.
 */
export function retryAfterOf(error: unknown, nowMs: number): number {
  const { retryAfterMs, headers, response } = (error ?? {}) as AnsweredError;
  const header = headerOf(response?.headers) ?? headerOf(headers);
  if (header !== undefined) return parsed(header, nowMs);
  return typeof retryAfterMs === 'number' && retryAfterMs > 0 ? retryAfterMs : 0;
}

/** Reads a `Headers`, a client's own object, or plain names and values. */
function headerOf(headers: unknown): string | undefined {
  if (typeof headers !== 'object' || headers === null) return undefined;
  const { get } = headers as { readonly get?: (name: string) => unknown };
  const plain = Object.entries(headers).find(([name]) => name.toLowerCase() === 'retry-after')?.[1] as unknown;
  const value = typeof get === 'function' ? get.call(headers, 'retry-after') : plain;
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}

function parsed(text: string, nowMs: number): number {
  if (/^\s*\d+\s*$/.test(text)) return Number(text) * 1_000;
  const dateMs = Date.parse(text);
  return Number.isNaN(dateMs) ? 0 : Math.max(0, dateMs - nowMs);
}
