/** Whether something is an error, by its structure: a test runner may have another `Error` class than Node. */
export const isErrorLike = (error: unknown): error is Error =>
  typeof error === 'object' &&
  error !== null &&
  'name' in error &&
  typeof error.name === 'string' &&
  'message' in error &&
  typeof error.message === 'string';

/** Names of errors for an answer that did not come in time: of this package, and of the platform and drivers. */
const LATE: ReadonlySet<string> = new Set(['DeadlineExceededError', 'TimeoutError']);

/** Whether an error says that an answer did not come in time. */
export const isLate = (error: unknown): boolean => isErrorLike(error) && LATE.has(error.name);

/** Whether there is no answer, in time or not: ioredis also aborts commands whose connection has closed. */
export const isUnanswered = (error: unknown): boolean =>
  isLate(error) || (isErrorLike(error) && error.name === 'AbortError');
