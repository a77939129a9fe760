/**
 * Builds an error without a stack: for errors that are answers, made once a request while a client is over its limit or
 * something is down. A stack would cost more than the rest of the answer, and would tell only of the limiter itself.
 */
export function stackless<E extends Error>(build: () => E): E {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return build();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
