import type { Breaker } from './breaker.js';
import type { CallPermit } from './call.permit.js';

/** The fallback of a rejected or failed call. */
export type Recovery = (self: unknown, error: unknown, args: unknown[]) => unknown;

/** One call of a method with a breaker. */
export interface GuardedCall {
  readonly breaker: Breaker;
  readonly self: unknown;
  readonly args: unknown[];
}

/** A stream that a method with a breaker returns, or would return: each run of it is a call. */
export interface GuardedStream<S> {
  readonly call: GuardedCall;
  readonly recovery: Recovery | undefined;
  /** Creates the stream, or returns the existing one. */
  readonly open: () => S;
  /** The permit of a call that returned the stream in a promise: its first run is the rest of that call. */
  permit?: CallPermit | undefined;
}

/** A permit for one run of a stream; `undefined`: it is rejected. */
export function beginRun(stream: GuardedStream<unknown>): CallPermit | undefined {
  const { permit } = stream;
  stream.permit = undefined;
  return permit ?? stream.call.breaker.acquire();
}
