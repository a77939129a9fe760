/** HTTP statuses that mean 'not now' instead of 'no': request timeout, too early, too many requests. */
const NOT_NOW = new Set([408, 425, 429]);

/**
 * The HTTP status of an error: the first number of its `getStatus()`, `status`, `statusCode`, `response.status` and
 * `response.statusCode`. `undefined` if there is none.
 */
export function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { getStatus, status, statusCode, response } = error as Partial<Record<string, unknown>>;
  const told: unknown = typeof getStatus === 'function' ? getStatus.call(error) : undefined;
  const { status: answered, statusCode: answeredCode } = (response ?? {}) as Partial<Record<string, unknown>>;
  return [told, status, statusCode, answered, answeredCode].find((value) => typeof value === 'number');
}

/**
 * Whether an error is a failure of the called service. An error with a status from 400 to 499 is an answer (not found,
 * forbidden, not valid), except 408, 425 and 429, which mean 'not now'.
 */
export function isServerFailure(error: unknown): boolean {
  const status = statusOf(error);
  return status === undefined || status < 400 || status > 499 || NOT_NOW.has(status);
}
