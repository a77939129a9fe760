const SQLSTATE = /^[0-9A-Z]{5}$/;

/** The SQLSTATE of an error, if it is the server's: `42P01`. */
export function sqlState(error: unknown): string | undefined {
  const { code, severity } = (error ?? {}) as { code?: unknown; severity?: unknown };
  // Codes of sockets look alike: EPIPE.
  return typeof code === 'string' && severity !== undefined && SQLSTATE.test(code) ? code : undefined;
}

/** Whether a whole decision can be made again: it was rolled back. */
export const isConflict = (error: unknown): boolean => {
  const state = sqlState(error);
  return state === '40001' || state === '40P01';
};

/** Whether the table, the function or their schema is not there, or is of an older release. */
export const isMissing = (error: unknown): boolean =>
  ['42P01', '42883', '42703', '3F000'].includes(sqlState(error) ?? '');

/** Whether the role may not do what it has to. */
export const isForbidden = (error: unknown): boolean => sqlState(error) === '42501';
