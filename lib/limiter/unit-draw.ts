import type { Charge, ConsumeRequest, Reply } from '../contracts/backend.js';
import type { PolicyStatus } from '../contracts/decision.js';
import type { UnitHolding } from './unit-holding.js';

/** One charge of a call, and how it is met. */
interface Line {
  readonly charge: Charge;
  /** What its policy and key hold; `undefined` if it is not leased. */
  readonly holding: UnitHolding | undefined;
  /** Met by units that were held, of this window and generation. */
  taken: Pick<UnitHolding, 'generation' | 'windowEndMs'> | undefined;
  /** Its place in what the store was last asked; -1: it was not. */
  place: number;
  /** Units to debit beside the cost. */
  extra: number;
  /** Of the holding when the store was asked. */
  generation: number;
}

/** How a call is met: by what is held, and for the rest by the store. */
export class UnitDraw {
  private readonly lines: readonly Line[];
  /** What the store was last asked for: an answer that comes late is that to it, whatever became of the call. */
  private sent: readonly Line[] = [];

  constructor(
    private readonly request: ConsumeRequest,
    holdingOf: (charge: Charge) => UnitHolding | undefined,
  ) {
    this.lines = request.charges.map((charge): Line => {
      return { charge, holding: holdingOf(charge), taken: undefined, place: -1, extra: 0, generation: 0 };
    });
  }

  /** What is held for its policies, whether it suffices or not. */
  get holdings(): readonly UnitHolding[] {
    return this.lines.flatMap(({ holding }) => holding ?? []);
  }

  get isMet(): boolean {
    return this.lines.every(({ taken }) => taken !== undefined);
  }

  get isInAdvance(): boolean {
    return this.lines.some(({ extra }) => extra > 0);
  }

  /** Takes what is held, of each policy that holds enough. */
  take(nowMs: number): void {
    for (const line of this.lines) {
      const { holding, taken, charge } = line;
      if (holding === undefined || taken !== undefined || !holding.has(charge.cost, nowMs)) continue;
      line.taken = { generation: holding.generation, windowEndMs: holding.windowEndMs };
      line.place = -1;
      holding.take(charge.cost);
    }
  }

  /** The call is refused, or has failed: what it took is held again. */
  putBack(): void {
    for (const line of this.lines) {
      if (line.taken !== undefined) line.holding?.putBack(line.charge.cost, line.taken);
      line.taken = undefined;
    }
  }

  /** Plans debits in advance. @param done resolves when they are over */
  plan(nowMs: number, done: Promise<void>): void {
    // It is charged whatever is left, so the store has to know all that is.
    if (this.request.overdraw === true) return;
    for (const line of this.asked()) {
      const { holding, charge } = line;
      if (holding === undefined || charge.cost === 0) continue;
      if (holding.debiting === undefined && holding.lowering === 0) {
        line.extra = holding.inAdvance(charge.cost, nowMs);
        if (line.extra > 0) holding.debiting = done;
      }
      holding.askedMs = nowMs;
    }
  }

  /** The debits in advance are over: charged, refused or lost. */
  end(): void {
    for (const line of this.lines) {
      if (line.extra > 0 && line.holding !== undefined) line.holding.debiting = undefined;
      line.extra = 0;
    }
  }

  /** Whether the store has more for this call than it says. */
  get isDoubtful(): boolean {
    return this.asked().some(({ holding }) => holding?.isBusy === true);
  }

  /** What the store is asked for. */
  toAsk(timeoutMs: number): ConsumeRequest {
    this.sent = this.asked();
    const charges = this.sent.map((line, index) => {
      line.place = index;
      line.generation = line.holding?.generation ?? 0;
      return line.extra === 0 ? line.charge : { ...line.charge, cost: line.charge.cost + line.extra };
    });
    return { ...this.request, charges, timeoutMs };
  }

  /** Counts what the store has charged. Answers whether units are held now. */
  charged({ policies, nowMs }: Reply, sentMs: number): boolean {
    let isHolding = false;
    for (const [index, { charge, holding, extra, generation }] of this.sent.entries()) {
      // What was on its way is void after a reset: it is lost, wherever the store counted it.
      if (holding === undefined || generation !== holding.generation) continue;
      const status = policies[index] as PolicyStatus;
      holding.charged(charge.cost, extra, { status, nowMs, sentMs });
      isHolding ||= extra > 0;
    }
    return isHolding;
  }

  /** Learns from a refusal. */
  refused({ policies, nowMs }: Reply, sentMs: number): void {
    for (const [index, { holding }] of this.sent.entries()) {
      holding?.learn({ status: policies[index] as PolicyStatus, nowMs, sentMs });
    }
  }

  /** Holdings that may let a call pass after all which the store has refused. */
  doubted({ policies }: Reply): readonly UnitHolding[] {
    return this.sent.flatMap(({ holding }, index) =>
      holding?.isBusy === true && policies[index]?.allowed === false ? [holding] : [],
    );
  }

  /** What the call is told, by the reply of the store to what it was asked, if it was. */
  answer(reply: Reply | undefined, nowMs: number): Reply {
    let atMs = reply?.nowMs ?? 0;
    const policies = this.lines.map(({ place, holding }): PolicyStatus => {
      if (holding === undefined || place >= 0) {
        const status = reply?.policies[place] as PolicyStatus;
        return holding === undefined ? status : { ...status, remaining: holding.remaining(status.remaining, nowMs) };
      }
      const known = holding.status(nowMs);
      atMs = Math.max(atMs, known.nowMs);
      return known.status;
    });
    return reply === undefined
      ? { allowed: true, nowMs: atMs, policies, source: 'cache' }
      : { ...reply, nowMs: atMs, policies };
  }

  private asked(): readonly Line[] {
    return this.lines.filter(({ taken }) => taken === undefined);
  }
}
