import type { ConsumeRequest, Refund, Reply } from '../../contracts/backend.js';
import { Deferred } from '../../contracts/deferred.js';
import type { Verb } from './limiter.script.js';
import type { Answer, QueuedCall } from './queued-call.js';

/** What a call does with its answer. */
export interface Caller {
  /** The reply for the caller. */
  answered(call: PendingCall, answer: Answer): Reply;
  /** The error for the caller. */
  failed(error: unknown): unknown;
}

/** A call in a lane, and the promise of its caller. */
export class PendingCall implements QueuedCall {
  private readonly deferred = new Deferred<Reply>();

  /** @param sentMs the process's clock, ms */
  constructor(
    private readonly caller: Caller,
    readonly verb: Verb,
    readonly charges: readonly Refund[],
    readonly request: ConsumeRequest,
    readonly sentMs: number,
  ) {}

  get reply(): Promise<Reply> {
    return this.deferred.promise;
  }

  get expiresMs(): number {
    return this.sentMs + this.request.timeoutMs;
  }

  get signal(): AbortSignal | undefined {
    return this.request.signal;
  }

  resolve(answer: Answer): void {
    this.deferred.resolve(this.caller.answered(this, answer));
  }

  reject(error: unknown): void {
    this.deferred.reject(this.caller.failed(error));
  }
}
