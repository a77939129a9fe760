import { Inject, Injectable } from '@nestjs/common';
import type { Charge } from '../contracts/backend.js';
import { DeadlineExceededError, isUnavailable } from '../contracts/errors.js';
import { isPromise, type MaybePromise } from '../contracts/maybe-promise.js';
import type { QueueSettings } from '../policies/slot-options.js';
import { Decider, type Outcome } from './decider.js';
import type { PolicyDecisionRequest } from './decision-request.js';
import { refuses } from './decisions.js';
import { HeldSlots, isSlot, withSlots } from './held-slots.js';
import { RateLimitEvents } from '../observe/rate-limit-events.js';
import { SlotMeter } from './slot-meter.js';
import { SlotQueue } from './slot-queue.js';

/** A decision and its slots. */
export interface Admitted {
  readonly outcome: Outcome;
  readonly slots: HeldSlots | undefined;
}

/** The queue of a call. */
interface Line {
  readonly name: string;
  readonly policy: string;
  readonly settings: QueueSettings;
}

/** Whether a request asks for slots. */
export const asksForSlots = ({ charges }: PolicyDecisionRequest): boolean => charges.some(isSlot);

/** Decides on calls that need slots. If a policy has a queue, they wait in it instead of being refused. */
@Injectable()
export class Admission {
  private readonly queues = new Map<string, SlotQueue<Admitted>>();

  private readonly meter: SlotMeter;

  constructor(
    @Inject(Decider) private readonly decider: Decider,
    @Inject(RateLimitEvents) events: RateLimitEvents,
  ) {
    this.meter = new SlotMeter(events);
  }

  /**
   * @param signal ends the wait in a queue
   * @throws the errors of a decision, and the signal's reason
   */
  async admit(given: PolicyDecisionRequest, signal?: AbortSignal): Promise<Admitted> {
    const startedMs = performance.now();
    const request = withSlots(given);
    const line = lineOf(request);
    const queue = line && this.queues.get(line.name);
    // A later call does not overtake waiting calls.
    if (line !== undefined && queue !== undefined && !queue.isFull)
      return this.told(request, await this.wait(request, queue, line.policy, signal), startedMs);
    const admitted = await this.attempt(request);
    if (line === undefined || !canWait(request, admitted.outcome)) return this.told(request, admitted, startedMs);
    const open = this.queueOf(line);
    return this.told(request, open.isFull ? admitted : await this.wait(request, open, line.policy, signal), startedMs);
  }

  /**
   * Admits a call that holds its slots until a signal reports its end. A call that ends while it waits leaves the
   * queue. A slot that cannot be given back is free when its lease ends. Throws like `admit`.
   */
  async hold(request: PolicyDecisionRequest, over: AbortSignal): Promise<Admitted> {
    const admitted = await this.admit(request, over);
    const free = (): void => void admitted.slots?.free().catch(lapses);
    if (over.aborted) free();
    else over.addEventListener('abort', free, { once: true });
    return admitted;
  }

  private async wait(
    request: PolicyDecisionRequest,
    queue: SlotQueue<Admitted>,
    policy: string,
    signal: AbortSignal | undefined,
  ): Promise<Admitted> {
    const left = this.meter.joined(policy);
    try {
      return await queue.wait(
        {
          ask: async () => {
            const admitted = await this.attempt(request);
            return canWait(request, admitted.outcome) ? undefined : admitted;
          },
          giveUp: () => this.attempt(request),
          drop: ({ slots }) => void slots?.free().catch(lapses),
        },
        signal,
      );
    } finally {
      left();
    }
  }

  private queueOf({ name, settings }: Line): SlotQueue<Admitted> {
    let queue = this.queues.get(name);
    if (queue === undefined) {
      queue = new SlotQueue<Admitted>(settings, () => this.queues.delete(name));
      this.queues.set(name, queue);
    }
    return queue;
  }

  private async attempt(request: PolicyDecisionRequest): Promise<Admitted> {
    try {
      const asked: MaybePromise<Outcome> = this.decider.ask(request);
      const outcome = isPromise(asked) ? await asked : asked;
      const { decision } = outcome;
      if (decision.kind === 'unenforced') this.abandon(request, decision.cause);
      const slots = HeldSlots.of(request, outcome, this.decider, (charges) => this.freed(charges));
      this.meter.took(slots?.charges ?? []);
      return { outcome, slots };
    } catch (error) {
      this.abandon(request, error);
      throw error;
    }
  }

  /** An aborted call may still reach the backend, where it would hold slots without a caller. */
  private abandon(request: PolicyDecisionRequest, error: unknown): void {
    if (!isUnavailable(error) || !(error.cause instanceof DeadlineExceededError)) return;
    const charges = request.charges.filter(({ slot }) => slot !== undefined);
    this.decider.refund({ ...request, charges }, { source: 'primary', backend: null, atMs: null }).catch(lapses);
  }

  private freed(charges: readonly Charge[]): void {
    this.meter.freed(charges);
    for (const charge of charges) void this.queues.get(lineName(charge))?.next();
  }

  private told(request: PolicyDecisionRequest, admitted: Admitted, startedMs: number): Admitted {
    this.decider.told(request, admitted.outcome, startedMs);
    return admitted;
  }
}

/** A slot that cannot be given back is free when its lease ends. */
function lapses(): void {
  // Nobody waits for the result.
}

const lineName = ({ policy, key }: Charge): string => `${policy.id}\n${key}`;

const queueOf = ({ policies }: PolicyDecisionRequest, { policy }: Charge): QueueSettings | undefined =>
  policies.find((one) => one.policy === policy)?.queue;

/** The queue of a call: that of its first policy with a queue. */
function lineOf(request: PolicyDecisionRequest): Line | undefined {
  for (const charge of request.charges) {
    const settings = charge.slot === undefined ? undefined : queueOf(request, charge);
    if (settings !== undefined) return { name: lineName(charge), policy: charge.policy.name, settings };
  }
  return undefined;
}

/** Whether only slots with a queue are missing for a call. */
function canWait(request: PolicyDecisionRequest, { decision }: Outcome): boolean {
  if (decision.kind !== 'limited' || decision.retryAfterMs === null) return false;
  return decision.policies.every(
    (status, index) => !refuses(status) || queueOf(request, request.charges[index] as Charge) !== undefined,
  );
}
