import type { Breaker } from './breaker.js';
import type { CallPermit } from './call.permit.js';

/** Answers instead of a call that was rejected or failed. */
export type Recovery = (self: unknown, error: unknown, args: unknown[]) => unknown;

/** One call of a guarded method. */
export interface GuardedCall {
  readonly breaker: Breaker;
  readonly self: unknown;
  readonly args: unknown[];
}

/** A stream that a guarded method answers, or would answer: each run of it is a call. */
export interface GuardedStream<S> {
  readonly call: GuardedCall;
  readonly recovery: Recovery | undefined;
  /** Makes the stream, or answers the one that is there. */
  readonly open: () => S;
  /** Of the call that answered the stream by a promise: its first run is the rest of that call. */
  permit?: CallPermit | undefined;
}

/** Leave for one run of a stream; `undefined`: it is rejected. */
export function beginRun(stream: GuardedStream<unknown>): CallPermit | undefined {
  const { permit } = stream;
  stream.permit = undefined;
  return permit ?? stream.call.breaker.acquire();
}
