import type {
  Backend,
  BackendRequest,
  Charge,
  ConsumeRequest,
  Refund,
  RefundRequest,
  Reply,
} from '../contracts/backend.js';
import { type MaybePromise, when, whenAll } from '../contracts/maybe-promise.js';
import { withDeadline } from './deadline.js';
import { UnitDraw } from './unit-draw.js';
import type { UnitHolding } from './unit-holding.js';
import { UnitHoldings } from './unit-holdings.js';
import { lowering, UnitReturns } from './unit-returns.js';

export interface PrepaidUnitsOptions {
  /** Monotonic, ms. Default: the process's own. */
  readonly clock?: () => number;
  /** Number of keys of each policy. Default 10,000. */
  readonly maxKeys?: number;
}

/**
 * The verbs of a backend with leases: units are taken in advance and handed out without asking the backend.
 *
 * The limit is never exceeded, because the store has counted every unit in the window in which it is handed out.
 */
export class PrepaidUnits implements Pick<Backend, 'recall' | 'consume' | 'peek' | 'refund' | 'reset' | 'close'> {
  private readonly clock: () => number;
  private readonly holdings: UnitHoldings;
  private readonly returns: UnitReturns;
  private isClosed = false;

  constructor(
    private readonly inner: Backend,
    { clock = () => performance.now(), maxKeys }: PrepaidUnitsOptions = {},
  ) {
    this.clock = clock;
    this.returns = new UnitReturns(inner, clock);
    this.holdings = new UnitHoldings({
      clock,
      giveBack: (holding) => void this.returns.giveBack(holding),
      ...(maxKeys !== undefined && { maxKeys }),
    });
  }

  /** Answers without asking the store: from held units, or with a refusal that the backend remembers. */
  recall(request: ConsumeRequest): Reply | undefined {
    if (this.holdings.isEmpty) return this.inner.recall?.(request);
    const { charges } = request;
    const nowMs = this.clock();
    const lone = charges.length === 1 ? (charges[0] as Charge) : undefined;
    if (lone !== undefined) {
      const holding = this.leased(lone);
      if (holding?.has(lone.cost, nowMs) === true) {
        holding.take(lone.cost);
        const { status, nowMs: atMs } = holding.status(nowMs);
        return { allowed: true, nowMs: atMs, policies: [status], source: 'cache' };
      }
    }
    if (charges.some((charge) => this.leased(charge)?.isBusy === true)) {
      const draw = this.drawOf(request);
      draw.take(nowMs);
      if (draw.isMet) return draw.answer(undefined, nowMs);
      const refusal = draw.isDoubtful ? undefined : this.inner.recall?.(draw.toAsk(request.timeoutMs));
      draw.putBack();
      return refusal && draw.answer(refusal, nowMs);
    }
    return this.inner.recall?.(request);
  }

  consume(request: ConsumeRequest): MaybePromise<Reply> {
    return request.charges.some(isLeasable) ? this.drawn(request) : this.inner.consume(request);
  }

  peek(request: BackendRequest): MaybePromise<Reply> {
    return when(this.inner.peek(request), (reply) => {
      const nowMs = this.clock();
      const policies = reply.policies.map((status, index) => {
        const holding = this.leased(request.charges[index] as Charge);
        return holding === undefined ? status : { ...status, remaining: holding.remaining(status.remaining, nowMs) };
      });
      return { ...reply, policies };
    });
  }

  /** Holds all units of a refund, if this process charged them and has room. Answers `false` if the store is needed. */
  keeps({ charges, chargedAtMs }: RefundRequest): boolean {
    if (this.holdings.isEmpty) return false;
    const nowMs = this.clock();
    const fits = (charge: Refund): boolean =>
      this.leased(charge)?.roomFor({ cost: charge.cost, chargedAtMs, nowMs }) === charge.cost;
    if (!charges.every(fits)) return false;
    for (const charge of charges) this.leased(charge)?.takeBack({ cost: charge.cost, chargedAtMs, nowMs });
    this.holdings.watch();
    return true;
  }

  /** Gives back to the store what cannot be held. */
  refund(request: RefundRequest): MaybePromise<void> {
    if (this.holdings.isEmpty) return this.inner.refund(request);
    const { chargedAtMs } = request;
    const nowMs = this.clock();
    const beyond: UnitHolding[] = [];
    const charges = request.charges.map((charge): Refund => {
      const holding = this.leased(charge);
      if (holding === undefined) return charge;
      const { cost } = charge;
      const taken = holding.takeBack({ cost, chargedAtMs, nowMs });
      if (taken.beyond > 0) beyond.push(holding);
      return { ...charge, cost: cost - taken.kept };
    });
    this.holdings.watch();
    if (beyond.length === 0) return this.inner.refund({ ...request, charges });
    // The store lowers its counter to 0 at most. So held units must be back before, and debits in flight become invalid.
    const givenBack = this.returns.giveBackAll(beyond);
    return lowering(beyond, async () => {
      await givenBack;
      await this.inner.refund({ ...request, charges });
    });
  }

  /** Drops held units and debits in flight. */
  reset(request: BackendRequest): MaybePromise<void> {
    for (const charge of request.charges) this.holdings.drop(charge);
    const leased = request.charges.filter(isLeasable).map((charge) => this.holdings.of(charge));
    if (leased.length === 0) return this.inner.reset(request);
    return lowering(leased, async () => this.inner.reset(request));
  }

  /** Gives back all held units within a deadline. From now on nothing is debited in advance. */
  close(): MaybePromise<void> {
    this.isClosed = true;
    this.holdings.stop();
    return whenAll(
      [...this.holdings.all()].map(async (holding) => {
        await holding.debiting;
        await this.returns.giveBack(holding);
      }),
      () => undefined,
    );
  }

  /** Whether a timer checks for unused units. It runs only while units are held. */
  get isWatching(): boolean {
    return this.holdings.isWatched;
  }

  /** Checks for unused units, as the timer does: for simulations and tests. */
  look(): void {
    this.holdings.look();
  }

  private async drawn(request: ConsumeRequest): Promise<Reply> {
    const startMs = this.clock();
    this.returns.timeoutMs = request.timeoutMs;
    const draw = this.drawOf(request, true);
    for (const holding of draw.holdings) if (holding.isStale(startMs)) void this.returns.giveBack(holding);
    draw.take(startMs);
    try {
      // An overdraft may exceed the limit. Units that are held at the same time would exceed it further.
      if (request.overdraw === true) await this.returns.giveBackAll(draw.holdings);
      const reply = draw.isMet ? undefined : await this.asked(draw, startMs, request);
      if (reply?.allowed === false) this.putBack(draw);
      return draw.answer(reply, this.clock());
    } catch (error) {
      this.putBack(draw);
      throw error;
    }
  }

  private putBack(draw: UnitDraw): void {
    draw.putBack();
    this.holdings.watch();
  }

  /** Asks for units in advance, then for the cost only, then once more after giving back all held units. */
  private async asked(draw: UnitDraw, startMs: number, { timeoutMs }: ConsumeRequest): Promise<Reply | undefined> {
    const leftMs = (): number => Math.min(timeoutMs, Math.ceil(startMs + timeoutMs - this.clock()));
    let reply = this.isClosed ? undefined : await this.inAdvance(draw, startMs, timeoutMs);
    if (reply?.allowed === true) return reply;
    if (reply !== undefined && leftMs() <= 0) return reply;
    reply = await this.ask(draw, Math.max(1, leftMs()));
    const doubted = reply.allowed ? [] : draw.doubted(reply);
    if (doubted.length === 0) return reply;
    for (const { debiting } of doubted) await debiting;
    draw.take(this.clock());
    if (draw.isMet) return undefined;
    await this.returns.giveBackAll(doubted);
    return leftMs() <= 0 ? reply : this.ask(draw, leftMs());
  }

  /** Answers `undefined` if nothing is to be debited in advance. */
  private async inAdvance(draw: UnitDraw, nowMs: number, timeoutMs: number): Promise<Reply | undefined> {
    let done = (): void => undefined;
    draw.plan(nowMs, new Promise((resolve) => (done = resolve)));
    if (!draw.isInAdvance) return undefined;
    try {
      return await withDeadline(this.ask(draw, timeoutMs), timeoutMs);
    } finally {
      draw.end();
      done();
    }
  }

  private async ask(draw: UnitDraw, timeoutMs: number): Promise<Reply> {
    const sentMs = this.clock();
    const reply = await this.inner.consume(draw.toAsk(timeoutMs));
    if (!reply.allowed) draw.refused(reply, sentMs);
    else if (draw.charged(reply, sentMs)) this.holdings.watch();
    return reply;
  }

  private drawOf(request: ConsumeRequest, isMade = false): UnitDraw {
    return new UnitDraw(request, (charge) => {
      if (!isLeasable(charge)) return undefined;
      return isMade ? this.holdings.of(charge) : this.holdings.find(charge);
    });
  }

  private leased(charge: Charge): UnitHolding | undefined {
    const holding = this.holdings.find(charge);
    return isLeasable(charge) ? holding : undefined;
  }
}

/** A shadow policy must count every call, so it is not leased. */
const isLeasable = ({ policy }: Charge): boolean => policy.lease !== undefined && policy.mode === 'enforce';
