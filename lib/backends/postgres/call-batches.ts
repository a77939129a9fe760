import type { BatchedCall, BatchKind } from './batched.call.js';
import type { LimiterFunction } from './limiter.function.js';
import type { Patience } from './patient-query.js';
import { numbersOf, STATUS } from './reply.js';
import { sqlState } from './sql-state.js';

/** Statements on their way at most. What comes meanwhile waits, and goes together. */
const AT_ONCE = 4;

/** Calls in one statement at most: it holds their locks for a millisecond. */
const MOST = 64;

interface Waiting {
  readonly call: BatchedCall;
  readonly patience: Patience;
  readonly resolve: (numbers: readonly number[] | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Sends calls that wait in one statement: what a transaction costs is then paid once for all of them. Idle, a call goes
 * at once and alone. One that is given up while it waits is not sent.
 */
export class CallBatches {
  private waiting: Waiting[] = [];
  private onTheirWay = 0;
  /** Subjects of the statements that are on their way: what else comes for them would only find them locked. */
  private readonly busy = new Set<string>();

  constructor(
    private readonly limiter: LimiterFunction,
    private readonly kind: BatchKind,
  ) {}

  /**
   * @returns what the function told of the call; undefined where it has to be made alone: somebody else decides on its
   * subject, or a statement failed for all, perhaps because of another call
   */
  async decide(call: BatchedCall, patience: Patience): Promise<readonly number[] | undefined> {
    const answer = new Promise<readonly number[] | undefined>((resolve, reject) => {
      this.waiting.push({ call, patience, resolve, reject });
    });
    if (this.onTheirWay < AT_ONCE) void this.send();
    return patience.wait(answer);
  }

  private async send(): Promise<void> {
    const batch = this.next();
    if (batch.length === 0) return;
    this.onTheirWay += 1;
    batch.forEach(({ call }) => this.busy.add(call.subject));
    try {
      const longest = batch.reduce(longer, batch[0] as Waiting).patience;
      const raw = await this.limiter.call(this.kind.call(batch.map(({ call }) => call)), longest);
      tell(batch, numbersOf(raw));
    } catch (error) {
      // What the server refused was rolled back; without its word nobody knows what became of it.
      if (batch.length > 1 && sqlState(error) !== undefined) batch.forEach(({ resolve }) => resolve(undefined));
      else batch.forEach(({ reject }) => reject(error));
    } finally {
      this.onTheirWay -= 1;
      batch.forEach(({ call }) => this.busy.delete(call.subject));
      void this.send();
    }
  }

  /** Takes calls from those that still wait, in order of arrival. */
  private next(): readonly Waiting[] {
    const batch: Waiting[] = [];
    const rest: Waiting[] = [];
    for (const one of this.waiting) {
      if (one.patience.leftMs === 0) continue;
      if (batch.length < MOST && !this.busy.has(one.call.subject)) batch.push(one);
      else rest.push(one);
    }
    this.waiting = rest;
    return batch;
  }
}

const longer = (one: Waiting, other: Waiting): Waiting => (other.patience.leftMs > one.patience.leftMs ? other : one);

/** Each call has its part of the numbers, in order; NaN: it was not decided. */
function tell(batch: readonly Waiting[], numbers: readonly number[]): void {
  let from = 0;
  batch.forEach(({ call, resolve }, index) => {
    const to = from + 1 + STATUS * call.charges.length;
    // Numbers that are left over go to the last call, whose reader rejects them.
    const part = numbers.slice(from, index === batch.length - 1 ? undefined : to);
    resolve(part.length > 0 && part.every(Number.isNaN) ? undefined : part);
    from = to;
  });
}
