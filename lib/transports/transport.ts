import type { ArgumentsHost } from '@nestjs/common';
import type { Decision, PolicyStatus } from '../contracts/decision.js';

/** What a transport knows about the caller; keys are read from it. An omitted value is unknown. */
export interface Caller {
  /** IP address of the client. */
  readonly ip?: unknown;
  /** The user that the application's authentication set. */
  readonly user?: unknown;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly query?: unknown;
  readonly params?: unknown;
  readonly body?: unknown;
}

/**
 * Which limits count a call.
 *
 * - `all`: the module's `apply`, and what the class and the handler declare
 * - `declared`: what the class and the handler declare
 * - `own`: what the handler itself declares
 */
export type LimitReach = 'all' | 'declared' | 'own';

/** What a caller gets if its call does not pass. It contains no key, backend, breaker or address. */
export interface Refusal {
  /** `RATE_LIMITED`, `BACKEND_UNAVAILABLE` or `CIRCUIT_OPEN`. */
  readonly code: string;
  readonly message: string;
  /** Milliseconds until the same call may pass; `null` if it can never pass, 0 if it is unknown. */
  readonly retryAfterMs: number | null;
  /** The policies of the call; empty in an outage. */
  readonly policies: readonly PolicyStatus[];
}

/**
 * Describes one kind of calls to the limiter: who calls, which limits count, and how a refusal looks. The module has
 * transports for HTTP, GraphQL, WebSockets and RPC. Add others with its option `transports`.
 */
export interface RateLimitTransport {
  /** The name in events, such as `http`. */
  readonly name: string;
  /** Whether a call belongs to this transport. The first transport that returns true gets the call. */
  owns(call: ArgumentsHost): boolean;
  /** Who calls. Default: unknown, and a key falls back to the handler. */
  caller?(call: ArgumentsHost): Caller | undefined;
  /** Which limits count the call. Default `declared`. */
  reach?(call: ArgumentsHost): LimitReach;
  /**
   * Sends a decision to the caller, for example in headers, before the call continues or is refused. Default: nothing
   * is sent.
   */
  show?(call: ArgumentsHost, decision: Decision): void;
  /** Sends the time of a retry, if a filter of the application may answer the error. Default: nothing is sent. */
  announce?(call: ArgumentsHost, error: unknown): void;
  /** The error that the guard throws instead, if filters may not see the original. Default: the original error. */
  thrown?(error: Error): Error;
  /**
   * Calls `over` when the call ends, for slots and for `chargeOn`. Returns whether it will. Default: `false`; then a
   * slot is free when the handler ends.
   */
  whenOver?(call: ArgumentsHost, over: () => void): boolean;
  /**
   * The status that the client got, after `whenOver` reported the end; `undefined` if the client disconnected before.
   * Default: there is no status. Then `chargeOn` runs when the handler ends, and a slot is free by then.
   */
  status?(call: ArgumentsHost): number | undefined;
  /**
   * Answers a call that does not pass, and returns what an exception filter of Nest returns on this transport. Default:
   * throws the error.
   *
   * @param error a `RateLimitExceededException`, a `BackendUnavailableError` or a `CircuitOpenError`
   */
  answer?(call: ArgumentsHost, refusal: Refusal, error: Error): unknown;
}
