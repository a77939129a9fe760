import { isErrorLike, isLate } from './error-like.js';

/** The code that servers such as Redis put before the text of an error: `OOM`, `READONLY`, `WRONGPASS`. */
const REPLY_CODE = /^[A-Z]{2,}(?= )/;

/**
 * Why a backend failed, in one word for logs and health pages: a code of the error or of what caused it, else its
 * name. Never the message, which may hold an address or a key.
 */
export function failureReason(error: unknown): string {
  return codeOf(error) ?? (isLate(error) ? 'DEADLINE_EXCEEDED' : isErrorLike(error) ? error.name : 'unavailable');
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { code, message, cause } = error as { code?: unknown; message?: unknown; cause?: unknown };
  if (typeof code === 'string') return code;
  return (typeof message === 'string' ? REPLY_CODE.exec(message)?.[0] : undefined) ?? codeOf(cause);
}
