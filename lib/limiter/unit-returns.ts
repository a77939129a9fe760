import type { Backend, RefundRequest } from '../contracts/backend.js';
import { withDeadline } from './deadline.js';
import type { UnitHolding } from './unit-holding.js';

/** Deadline of a refund if no call has set one, ms. */
const PATIENCE_MS = 1_000;

/** Gives held units back to the store. */
export class UnitReturns {
  /** Deadline of each refund, ms: that of the last call. */
  timeoutMs = PATIENCE_MS;

  constructor(
    private readonly store: Pick<Backend, 'refund'>,
    private readonly clock: () => number,
  ) {}

  /** Never fails: units that cannot be given back are lost until their window ends. Also waits for earlier refunds. */
  async giveBack(holding: UnitHolding): Promise<void> {
    const cost = holding.empty(this.clock());
    if (cost === 0) return holding.returning;
    const { key, policy, chargedAtMs, returning } = holding;
    const { timeoutMs } = this;
    const refunded = this.refund({ charges: [{ key, policy, cost }], chargedAtMs, timeoutMs });
    const all = Promise.all([returning, refunded]).then(() => {
      if (holding.returning === all) holding.returning = undefined;
    });
    holding.returning = all;
    return all;
  }

  async giveBackAll(holdings: readonly UnitHolding[]): Promise<void> {
    await Promise.all(holdings.map((holding) => this.giveBack(holding)));
  }

  private async refund(request: RefundRequest): Promise<void> {
    try {
      await withDeadline((async () => this.store.refund(request))(), request.timeoutMs);
    } catch {
      // The next call reports what is wrong with the store.
    }
  }
}

/** Runs a reset or refund after which the store may not count the held units any longer, and drops these units. */
export async function lowering(holdings: readonly UnitHolding[], run: () => Promise<void>): Promise<void> {
  const voidAll = (by: number): void => {
    for (const holding of holdings) {
      holding.lowering += by;
      holding.void();
    }
  };
  voidAll(1);
  try {
    await run();
  } finally {
    voidAll(-1);
  }
}
