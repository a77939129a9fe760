import type { Charge, ConsumeRequest, Reply } from '../contracts/backend.js';
import type { PolicyStatus } from '../contracts/decision.js';
import type { UnitHolding } from './unit-holding.js';

/** One charge of a call. */
interface Line {
  readonly charge: Charge;
  /** The holding of its policy and key. `undefined` if the policy is not leased. */
  readonly holding: UnitHolding | undefined;
  /** Set if held units pay for the charge: their window and generation. */
  taken: Pick<UnitHolding, 'generation' | 'windowEndMs'> | undefined;
  /** Index of the charge in the last request to the store. -1 if it was not in it. */
  place: number;
  /** Units to debit in addition to the cost. */
  extra: number;
  /** Generation of the holding at the last request to the store. */
  generation: number;
}

/** One call: held units pay for some of its charges, the store decides on the others. */
export class UnitDraw {
  private readonly lines: readonly Line[];
  /** The charges of the last request to the store. A late answer belongs to them, even if the call has failed. */
  private sent: readonly Line[] = [];

  constructor(
    private readonly request: ConsumeRequest,
    holdingOf: (charge: Charge) => UnitHolding | undefined,
  ) {
    this.lines = request.charges.map((charge): Line => {
      return { charge, holding: holdingOf(charge), taken: undefined, place: -1, extra: 0, generation: 0 };
    });
  }

  /** The holdings of all leased charges. */
  get holdings(): readonly UnitHolding[] {
    return this.lines.flatMap(({ holding }) => holding ?? []);
  }

  get isMet(): boolean {
    return this.lines.every(({ taken }) => taken !== undefined);
  }

  get isInAdvance(): boolean {
    return this.lines.some(({ extra }) => extra > 0);
  }

  /** Takes held units for each charge whose holding has enough. */
  take(nowMs: number): void {
    for (const line of this.lines) {
      const { holding, taken, charge } = line;
      if (holding === undefined || taken !== undefined || !holding.has(charge.cost, nowMs)) continue;
      line.taken = { generation: holding.generation, windowEndMs: holding.windowEndMs };
      line.place = -1;
      holding.take(charge.cost);
    }
  }

  /** Holds all taken units again, because the call was refused or failed. */
  putBack(): void {
    for (const line of this.lines) {
      if (line.taken !== undefined) line.holding?.putBack(line.charge.cost, line.taken);
      line.taken = undefined;
    }
  }

  /** Decides how many units to debit in advance. @param done resolves when these debits are over */
  plan(nowMs: number, done: Promise<void>): void {
    // An overdraft succeeds whatever is left. Nothing must be debited in addition.
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

  /** The debits in advance are over, whether they succeeded or not. */
  end(): void {
    for (const line of this.lines) {
      if (line.extra > 0 && line.holding !== undefined) line.holding.debiting = undefined;
      line.extra = 0;
    }
  }

  /** Whether a refusal of the remaining charges would not be final. */
  get isDoubtful(): boolean {
    return this.asked().some(({ holding }) => holding?.isBusy === true);
  }

  /** The request to the store for the charges that held units do not pay for. */
  toAsk(timeoutMs: number): ConsumeRequest {
    this.sent = this.asked();
    const charges = this.sent.map((line, index) => {
      line.place = index;
      line.generation = line.holding?.generation ?? 0;
      return line.extra === 0 ? line.charge : { ...line.charge, cost: line.charge.cost + line.extra };
    });
    return { ...this.request, charges, timeoutMs };
  }

  /** Counts what the store charged. Answers whether units are held now. */
  charged({ policies, nowMs }: Reply, sentMs: number): boolean {
    let isHolding = false;
    for (const [index, { charge, holding, extra, generation }] of this.sent.entries()) {
      // After a reset it is unknown whether the store still counts these units. They are lost.
      if (holding === undefined || generation !== holding.generation) continue;
      const status = policies[index] as PolicyStatus;
      holding.charged(charge.cost, extra, { status, nowMs, sentMs });
      isHolding ||= extra > 0;
    }
    return isHolding;
  }

  /** Stores the statuses of a refusal. */
  refused({ policies, nowMs }: Reply, sentMs: number): void {
    for (const [index, { holding }] of this.sent.entries()) {
      holding?.learn({ status: policies[index] as PolicyStatus, nowMs, sentMs });
    }
  }

  /** Holdings whose units may be enough for a call that the store refused. */
  doubted({ policies }: Reply): readonly UnitHolding[] {
    return this.sent.flatMap(({ holding }, index) =>
      holding?.isBusy === true && policies[index]?.allowed === false ? [holding] : [],
    );
  }

  /** The reply for the caller. @param reply of the store, if it was asked */
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
