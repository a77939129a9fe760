import { errorMonitor } from 'node:events';
import type { Readable } from 'node:stream';
import type { ExecutionContext } from '@nestjs/common';
import type { CallOutcome } from '../contracts/policy.js';
import type { ReservedCharges } from '../limiter/outcome-charges.js';
import { identityOf } from '../transports/call-identity.js';
import { propertiesOf } from '../transports/structure.js';

/** Calls whose outcome is evaluated at their end. */
const calls = new WeakMap<object, JudgedCall>();

/** The call that the guard admitted; `undefined` if its charges do not depend on its outcome. */
export function judgedCallOf(context: ExecutionContext): JudgedCall | undefined {
  const call = identityOf(context);
  return call && calls.get(call);
}

/** Collects the outcome of a call, and settles its charges once. */
export class JudgedCall {
  private seen: CallOutcome = {};
  private isOver = false;
  private isAnswered = false;

  constructor(
    context: ExecutionContext,
    private readonly charges: ReservedCharges,
  ) {
    const call = identityOf(context);
    if (call !== undefined) calls.set(call, this);
  }

  /** The transport will report the status: the end of the handler is not the end of the call. */
  awaitsAnswer(): void {
    this.isAnswered = true;
  }

  returned(result: unknown): void {
    this.seen = { ...this.seen, result };
    const stream = streamOf(result);
    if (stream === undefined) return;
    if (stream.errored != null) this.broke(stream.errored);
    else stream.once(errorMonitor, (error: unknown) => this.broke(error));
  }

  threw(error: unknown): void {
    this.broke(error);
    this.ended();
  }

  /** The handler has ended. */
  ended(): void {
    if (!this.isAnswered) this.settle(this.seen);
  }

  /**
   * The call has ended. @param status the status that the client got; `undefined`: it disconnected, and stays charged
   */
  over(status: number | undefined): void {
    if (status !== undefined) this.settle({ ...this.seen, status });
    this.isOver = true;
  }

  private broke(error: unknown): void {
    this.seen = { ...this.seen, error };
  }

  private settle(outcome: CallOutcome): void {
    if (this.isOver) return;
    this.isOver = true;
    this.charges.settle(outcome);
  }
}

/** The stream that is sent to the client: a result on Fastify, or that of a `StreamableFile`. */
function streamOf(result: unknown): Readable | undefined {
  const { getStream } = propertiesOf(result);
  const stream: unknown = typeof getStream === 'function' ? getStream.call(result) : result;
  const { pipe, once } = propertiesOf(stream);
  return typeof pipe === 'function' && typeof once === 'function' ? (stream as Readable) : undefined;
}
