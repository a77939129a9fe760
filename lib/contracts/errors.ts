/** What every error of this package has: a stable `code`. */
export abstract class FloodgateError extends Error {
  abstract readonly code: string;
}

/**
 * Builds an error without a stack: for errors that are made once a request while something is down, where the stack
 * would cost more than the answer and would tell only of the limiter itself.
 */
function stackless<E extends Error>(build: () => E): E {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return build();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** What is known of a failed backend. */
export interface BackendFailure {
  readonly backend: string;
  /** Time after which trying again makes sense; 0 when unknown. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/**
 * No backend could decide: the connection is down, the deadline passed, the server refused to serve, or the circuit is
 * open. Mapped to 503. Backends throw it for infrastructure failures, and for nothing else.
 */
export class BackendUnavailableError extends FloodgateError {
  static {
    this.prototype.name = 'BackendUnavailableError';
  }

  readonly code = 'BACKEND_UNAVAILABLE';
  /** Name of the backend. */
  readonly backend: string;
  /** Time after which trying again makes sense; 0 when unknown. */
  readonly retryAfterMs: number;

  constructor(failure: BackendFailure) {
    super(`Rate-limit backend '${failure.backend}' is unavailable`, { cause: failure.cause });
    this.backend = failure.backend;
    this.retryAfterMs = failure.retryAfterMs ?? 0;
  }

  static of(failure: BackendFailure): BackendUnavailableError {
    return stackless(() => new BackendUnavailableError(failure));
  }
}

/** A circuit breaker rejected the call without making it. Mapped to 503. */
export class CircuitOpenError extends FloodgateError {
  static {
    this.prototype.name = 'CircuitOpenError';
  }

  readonly code = 'CIRCUIT_OPEN';

  /**
   * @param breaker name of the breaker
   * @param retryAfterMs time until the next probe is due
   */
  constructor(
    readonly breaker: string,
    readonly retryAfterMs: number,
  ) {
    super(`Circuit '${breaker}' is open`);
  }

  static of(breaker: string, retryAfterMs: number): CircuitOpenError {
    // As `stackless` does, less its function: here an error is all that a call costs.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    const error = new CircuitOpenError(breaker, retryAfterMs);
    Error.stackTraceLimit = stackTraceLimit;
    return error;
  }
}

/** A deadline passed before an answer came. The cause of a `BackendUnavailableError`, or a breaker's `callTimeout`. */
export class DeadlineExceededError extends FloodgateError {
  static {
    this.prototype.name = 'DeadlineExceededError';
  }

  readonly code = 'DEADLINE_EXCEEDED';

  constructor(readonly timeoutMs: number) {
    super(`No answer within ${timeoutMs} ms`);
  }

  static of(timeoutMs: number): DeadlineExceededError {
    return stackless(() => new DeadlineExceededError(timeoutMs));
  }
}

/** A wrong option, found at start-up where it can be known there. Never swallowed by a failure mode. */
export class RateLimitConfigurationError extends FloodgateError {
  static {
    this.prototype.name = 'RateLimitConfigurationError';
  }

  readonly code = 'RATE_LIMIT_CONFIGURATION';

  /**
   * @param option path of the option, such as `policies.login.window`
   * @param received the value that was given
   * @param mend what to write instead
   */
  constructor(
    readonly option: string,
    readonly received: unknown,
    readonly mend: string,
  ) {
    super(`${option}: received ${describe(received)}. ${mend}`);
  }
}

/** Names a value in one short line, whatever it is. */
function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return `'${value.length > 80 ? `${value.slice(0, 80)}…` : value}'`;
    case 'function':
      return value.name === '' ? 'a function' : `function ${value.name}`;
    case 'object':
      if (value === null) return 'null';
      return Array.isArray(value)
        ? `an array of ${value.length}`
        : `an object with ${Object.keys(value).join(', ') || 'no keys'}`;
    default:
      return String(value);
  }
}

/** By its shape: two copies of the package, and each realm of a test runner, have classes of their own. */
const codeOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined;

/** Whether an error says that no backend could decide, whichever copy of the package made it. */
export const isBackendUnavailable = (error: unknown): error is BackendUnavailableError =>
  codeOf(error) === 'BACKEND_UNAVAILABLE';

/** Whether an error says that a backend or a circuit is unavailable, whichever copy of the package made it. */
export const isUnavailable = (error: unknown): error is BackendUnavailableError | CircuitOpenError =>
  isBackendUnavailable(error) || codeOf(error) === 'CIRCUIT_OPEN';

/** Whether an error tells of a wrong option or setting, whichever copy of the package made it. */
export const isConfigurationError = (error: unknown): error is RateLimitConfigurationError =>
  codeOf(error) === 'RATE_LIMIT_CONFIGURATION';
