import { HttpException, HttpStatus } from '@nestjs/common';
import type { PolicyStatus } from './decision.js';
import { stackless } from './stackless.js';

/** The base class of all errors of this package, with a stable `code`. */
export abstract class FloodgateError extends Error {
  static override [Symbol.hasInstance](value: unknown): boolean {
    return isMadeBy(this, value) || (this === FloodgateError && isUnavailable(value));
  }

  abstract readonly code: string;
}

/** The extensions of an error in GraphQL. */
export interface GraphqlExtensions {
  readonly code: string;
  /** Milliseconds until the same call may pass; `null` if it can never pass, 0 if that is unknown. */
  readonly retryAfterMs: number | null;
  /** Of a refused call: the policies that took part. */
  readonly policies?: readonly PolicyStatus[];
}

/** Details of a failed backend. */
export interface BackendFailure {
  readonly backend: string;
  /** Time until a retry makes sense; 0 if unknown. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** The code of an error, by its shape: each copy of the package, and each realm of a test runner, has its own classes. */
const codeOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined;

/** What `instanceof` says of any other class. */
const isMadeBy = (type: object, value: unknown): boolean => Function.prototype[Symbol.hasInstance].call(type, value);

/**
 * An outage, as an HttpException with status 503. So an exception filter of the application that answers such
 * exceptions by their status is right. The body names no backend and no breaker.
 *
 * `instanceof` compares the `code`, so it recognises errors of another copy of this package.
 */
abstract class OutageError extends HttpException {
  abstract readonly code: string;
  /** Time until a retry makes sense; 0 if unknown. */
  abstract readonly retryAfterMs: number;

  constructor(message: string) {
    super(message, HttpStatus.SERVICE_UNAVAILABLE);
  }

  /** The body of the response, the same as Nest's body for this status. */
  override getResponse(): object {
    return { statusCode: this.getStatus(), message: 'Service Unavailable' };
  }

  /** The extensions of the error in GraphQL. */
  get extensions(): GraphqlExtensions {
    return { code: this.code, retryAfterMs: this.retryAfterMs };
  }

  /** The name stands on the prototype: bundlers may change that of the class. */
  override initName(): void {
    // Nothing to do for each error.
  }
}

/**
 * No backend could decide: the connection is down, the deadline passed, the server refused to serve, or the circuit is
 * open. A 503 over HTTP. Backends throw it for infrastructure failures only.
 */
export class BackendUnavailableError extends OutageError {
  static {
    this.prototype.name = 'BackendUnavailableError';
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return this === BackendUnavailableError ? codeOf(value) === 'BACKEND_UNAVAILABLE' : isMadeBy(this, value);
  }

  readonly code = 'BACKEND_UNAVAILABLE';
  /** Name of the backend. */
  readonly backend: string;
  /** Time until a retry makes sense; 0 if unknown. */
  readonly retryAfterMs: number;

  constructor(failure: BackendFailure) {
    super(`Rate-limit backend '${failure.backend}' is unavailable`);
    this.backend = failure.backend;
    this.retryAfterMs = failure.retryAfterMs ?? 0;
    // As a cause is in any error: not among what is printed or serialised as its fields.
    Object.defineProperty(this, 'cause', { value: failure.cause, enumerable: false, writable: true });
  }

  static of(failure: BackendFailure): BackendUnavailableError {
    return stackless(() => new BackendUnavailableError(failure));
  }
}

/** A circuit breaker rejected the call without making it. A 503 over HTTP. */
export class CircuitOpenError extends OutageError {
  static {
    this.prototype.name = 'CircuitOpenError';
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return this === CircuitOpenError ? codeOf(value) === 'CIRCUIT_OPEN' : isMadeBy(this, value);
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
    // As `stackless` does, without its function: here an error is all that a call costs.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    const error = new CircuitOpenError(breaker, retryAfterMs);
    Error.stackTraceLimit = stackTraceLimit;
    return error;
  }
}

/**
 * A deadline passed without an answer. It is the cause of a `BackendUnavailableError`, or thrown by a breaker with
 * `callTimeout`.
 */
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

/** A call returned a result for which `isFailureResult` is true. The `fallback` receives it; it is never thrown. */
export class FailureResultError extends FloodgateError {
  static {
    this.prototype.name = 'FailureResultError';
  }

  readonly code = 'FAILURE_RESULT';

  /** @param result what the call returned */
  constructor(readonly result: unknown) {
    super('The call returned a failure');
  }

  static of(result: unknown): FailureResultError {
    return stackless(() => new FailureResultError(result));
  }
}

/** A wrong option. It is found at start-up if possible. A failure mode never hides it. */
export class RateLimitConfigurationError extends FloodgateError {
  static {
    this.prototype.name = 'RateLimitConfigurationError';
  }

  readonly code = 'RATE_LIMIT_CONFIGURATION';

  /**
   * @param option path of the option, such as `policies.login.window`
   * @param received the given value
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

/** Describes any value in one short line. */
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

/** Whether an error is a `BackendUnavailableError`, of any copy of the package. */
export const isBackendUnavailable = (error: unknown): error is BackendUnavailableError =>
  codeOf(error) === 'BACKEND_UNAVAILABLE';

/** Whether an error reports an outage or an open circuit, of any copy of the package. */
export const isUnavailable = (error: unknown): error is BackendUnavailableError | CircuitOpenError =>
  isBackendUnavailable(error) || codeOf(error) === 'CIRCUIT_OPEN';

/** Whether an error is a `RateLimitConfigurationError`, of any copy of the package. */
export const isConfigurationError = (error: unknown): error is RateLimitConfigurationError =>
  codeOf(error) === 'RATE_LIMIT_CONFIGURATION';

/** Whether an error is a `DeadlineExceededError`, of any copy of the package. */
export function isDeadlineExceeded(error: unknown): error is DeadlineExceededError {
  return error instanceof Error && error.name === 'DeadlineExceededError';
}

/** Whether an error is a `FailureResultError`, of any copy of the package. */
export function isFailureResultError(error: unknown): error is FailureResultError {
  return error instanceof Error && error.name === 'FailureResultError';
}
