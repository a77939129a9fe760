import type { QueueSettings } from '../policies/slot-options.js';
import { after } from '../contracts/process-time.js';

/** Time between two attempts of the next call if no slot of this process becomes free, in ms. */
const POLL_MS = 250;

/** A call that waits. */
export interface Waiting<T> {
  /** Asks for a slot; returns `undefined` if the call must keep waiting. */
  ask(): Promise<T | undefined>;
  /** The error of a call that has waited for its maximum time. */
  giveUp(): T | Promise<T>;
  /** Handles an answer that comes after the call has left. */
  drop(answer: T): void;
}

interface Waiter<T> extends Waiting<T> {
  /** Leaves the queue with an answer or an error, once. Returns whether it was still there. */
  leave(how: () => void): boolean;
  readonly resolve: (answer: T | Promise<T>) => void;
  readonly reject: (reason: unknown) => void;
}

/** Calls of this process that wait for a slot of one key. One of them asks at a time, so the order is kept. */
export class SlotQueue<T> {
  private readonly waiters: Waiter<T>[] = [];
  private asking = false;
  private freed = false;
  private cancelPoll: (() => void) | undefined;

  /** @param onEmpty called when no call waits any more */
  constructor(
    private readonly settings: QueueSettings,
    private readonly onEmpty: () => void,
  ) {}

  get isFull(): boolean {
    return this.waiters.length >= this.settings.size;
  }

  /**
   * Waits in the queue.
   *
   * @param signal leaves the queue when it aborts
   * @throws the signal's reason, and the errors of `ask` and `giveUp`
   */
  wait(waiting: Waiting<T>, signal: AbortSignal | undefined): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const abort = (): void => void waiter.leave(() => reject(signal?.reason as Error));
      const cancel = after(this.settings.maxWaitMs, () => void waiter.leave(() => resolve(waiting.giveUp())));
      const leave = (how: () => void): boolean => {
        const place = this.waiters.indexOf(waiter);
        if (place < 0) return false;
        this.waiters.splice(place, 1);
        cancel();
        signal?.removeEventListener('abort', abort);
        if (this.waiters.length === 0) this.end();
        how();
        return true;
      };
      const waiter: Waiter<T> = { ...waiting, leave, resolve, reject };
      this.waiters.push(waiter);
      if (signal?.aborted === true) return abort();
      signal?.addEventListener('abort', abort, { once: true });
      this.pollLater();
    });
  }

  /** A slot may be free: the next call asks. */
  async next(): Promise<void> {
    this.freed = true;
    if (this.asking) return;
    this.asking = true;
    while (this.freed) {
      this.freed = false;
      const waiter = this.settings.order === 'fifo' ? this.waiters[0] : this.waiters.at(-1);
      // There may be another free slot.
      if (waiter !== undefined && (await this.serve(waiter))) this.freed = true;
    }
    this.asking = false;
    this.pollLater();
  }

  private async serve(waiter: Waiter<T>): Promise<boolean> {
    try {
      const answer = await waiter.ask();
      if (answer === undefined) return false;
      if (!waiter.leave(() => waiter.resolve(answer))) waiter.drop(answer);
    } catch (error) {
      waiter.leave(() => waiter.reject(error));
    }
    return true;
  }

  private pollLater(): void {
    if (this.cancelPoll !== undefined || this.waiters.length === 0) return;
    this.cancelPoll = after(POLL_MS, () => {
      this.cancelPoll = undefined;
      void this.next();
    });
  }

  private end(): void {
    this.cancelPoll?.();
    this.cancelPoll = undefined;
    this.onEmpty();
  }
}
