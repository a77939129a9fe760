import { channel, tracingChannel } from 'node:diagnostics_channel';
import { isPromise, type MaybePromise } from '../contracts/maybe-promise.js';

/** Every `DecisionEvent` of the process, for agents. */
export const DECISIONS = channel('floodgate:decision');

/** Every `BreakerTransitionEvent` of the process, for agents. */
export const BREAKERS = channel('floodgate:breaker');

/** The message of the tracing channel `floodgate:backend` for a call. */
interface TracedCall {
  readonly backend: string;
  readonly verb: string;
  result?: unknown;
  error?: unknown;
}

const CALLS = tracingChannel<unknown, TracedCall>('floodgate:backend');

/** Whether an agent traces calls to backends. */
export const isTraced = (): boolean => CALLS.hasSubscribers;

/** Makes a call as Node's `tracePromise` would, but lets an answer that is there at once be one. */
export function traced<T>(call: TracedCall, ask: () => MaybePromise<T>): MaybePromise<T> {
  return CALLS.start.runStores(call, () => {
    try {
      const answer = ask();
      if (isPromise(answer))
        return answer.then(
          (value) => resolved(call, value),
          (error: unknown) => rejected(call, error),
        );
      call.result = answer;
      return answer;
    } catch (error) {
      failed(call, error);
      throw error;
    } finally {
      CALLS.end.publish(call);
    }
  });
}

function resolved<T>(call: TracedCall, value: T): T {
  call.result = value;
  settled(call);
  return value;
}

function rejected(call: TracedCall, error: unknown): never {
  failed(call, error);
  settled(call);
  throw error;
}

function failed(call: TracedCall, error: unknown): void {
  call.error = error;
  CALLS.error.publish(call);
}

function settled(call: TracedCall): void {
  CALLS.asyncStart.publish(call);
  CALLS.asyncEnd.publish(call);
}
