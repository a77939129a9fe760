import type { ArgumentsHost } from '@nestjs/common';
import type { Decision, PolicyStatus } from '../contracts/decision.js';

/** What a transport knows of the caller; keys are read from it. What a transport leaves out is not known. */
export interface Caller {
  /** Address of the client. */
  readonly ip?: unknown;
  /** Whom the application's authentication put there. */
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

/** What a caller is told when its call does not pass. It names no key, backend, breaker or address. */
export interface Refusal {
  /** `RATE_LIMITED`, `BACKEND_UNAVAILABLE` or `CIRCUIT_OPEN`. */
  readonly code: string;
  readonly message: string;
  /** Milliseconds until the same call may pass; `null` if it can never pass, 0 if that is unknown. */
  readonly retryAfterMs: number | null;
  /** The policies that took part; empty in an outage. */
  readonly policies: readonly PolicyStatus[];
}

/**
 * Tells the limiter of one kind of calls: who calls, which limits count, and how a refusal looks. The module has one for
 * HTTP, GraphQL, WebSockets and RPC each; give it others by its option `transports`.
 */
export interface RateLimitTransport {
  /** Name in events, such as `http`. */
  readonly name: string;
  /** Whether a call is of this transport. The first transport that says so has the call. */
  owns(call: ArgumentsHost): boolean;
  /** Who calls. Default: nobody is known, and a key falls back to the handler. */
  caller?(call: ArgumentsHost): Caller | undefined;
  /** Which limits count the call. Default `declared`. */
  reach?(call: ArgumentsHost): LimitReach;
  /** Shows a decision to the caller, such as in headers, before the call goes on or is refused. Default: not at all. */
  show?(call: ArgumentsHost, decision: Decision): void;
  /** Shows when to come back, where an error may be answered by a filter of the application. Default: not at all. */
  announce?(call: ArgumentsHost, error: unknown): void;
  /** What the guard throws in place of an error, where filters may not see it. Default: the error. */
  thrown?(error: Error): Error;
  /**
   * Calls `over` when the call is over, for slots that a call holds and for `chargeOn`; returns whether it will. Default:
   * `false`, and a slot is free when the handler ends.
   */
  whenOver?(call: ArgumentsHost, over: () => void): boolean;
  /**
   * Status that the client got, once `whenOver` has told that the call is over; `undefined` if it hung up before. Default:
   * there is none: `chargeOn` judges when the handler ends, and a slot is free then at the latest.
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
