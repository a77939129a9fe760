import type { Charge } from '../contracts/backend.js';
import { afterUnref } from '../contracts/process-time.js';
import { isSameQuota } from '../policies/policy-identity.js';
import { LONGEST_HELD_MS, UnitHolding } from './unit-holding.js';

/** Keys of each policy that are remembered; who is forgotten is given back. */
const MAX_KEYS = 10_000;

/** How often it looks for units that nobody uses, ms. */
const LOOK_MS = LONGEST_HELD_MS / 4;

export interface HoldingsOptions {
  readonly clock: () => number;
  readonly maxKeys?: number;
  /** Gives back what a holding has, which nobody has used for a second, or whose quota is another one. */
  readonly giveBack: (holding: UnitHolding) => void;
}

/** The holdings of a process, by policy and key: of each policy the last recently used. */
export class UnitHoldings {
  private readonly byPolicy = new Map<string, Map<string, UnitHolding>>();
  private cancelLook: (() => void) | undefined;

  constructor(private readonly options: HoldingsOptions) {}

  get isEmpty(): boolean {
    return this.byPolicy.size === 0;
  }

  get isWatched(): boolean {
    return this.cancelLook !== undefined;
  }

  /** The holding of a charge, if there is one; one of another quota is given back. */
  find({ key, policy }: Charge): UnitHolding | undefined {
    const holding = this.byPolicy.get(policy.id)?.get(key);
    if (holding === undefined || holding.policy === policy) return holding;
    const isSame = isSameQuota(holding.policy, policy) && isSameQuota(policy, holding.policy);
    holding.policy = policy;
    if (!isSame) this.options.giveBack(holding);
    return holding;
  }

  /** The same, made if there is none. It counts as used. */
  of(charge: Charge): UnitHolding {
    const { key, policy } = charge;
    let ofPolicy = this.byPolicy.get(policy.id);
    if (ofPolicy === undefined) this.byPolicy.set(policy.id, (ofPolicy = new Map<string, UnitHolding>()));
    const holding = this.find(charge) ?? new UnitHolding(key, policy);
    ofPolicy.delete(key);
    ofPolicy.set(key, holding);
    if (ofPolicy.size > (this.options.maxKeys ?? MAX_KEYS)) this.evict(ofPolicy, holding);
    return holding;
  }

  /** Voids what is held for a charge, by whatever quota. */
  drop({ key, policy }: Charge): void {
    this.byPolicy.get(policy.id)?.get(key)?.void();
  }

  /** All that there are. */
  *all(): Generator<UnitHolding> {
    for (const ofPolicy of this.byPolicy.values()) yield* ofPolicy.values();
  }

  /** Units are held: they are looked after until none are. */
  watch(): void {
    this.cancelLook ??= afterUnref(LOOK_MS, () => {
      this.cancelLook = undefined;
      if (this.look()) this.watch();
    });
  }

  stop(): void {
    this.cancelLook?.();
    this.cancelLook = undefined;
  }

  /** Gives back what is held for too long, and forgets what is over. Answers whether more is held. */
  look(): boolean {
    const nowMs = this.options.clock();
    let isHolding = false;
    for (const [id, ofPolicy] of this.byPolicy) {
      for (const [key, holding] of ofPolicy) {
        if (holding.isStale(nowMs)) this.options.giveBack(holding);
        isHolding ||= holding.held > 0;
        if (holding.isOver(nowMs)) ofPolicy.delete(key);
      }
      if (ofPolicy.size === 0) this.byPolicy.delete(id);
    }
    return isHolding;
  }

  private evict(ofPolicy: Map<string, UnitHolding>, kept: UnitHolding): void {
    for (const [key, holding] of ofPolicy) {
      // What is under way has to find it again.
      if (holding === kept || holding.debiting !== undefined || holding.lowering > 0) continue;
      this.options.giveBack(holding);
      ofPolicy.delete(key);
      return;
    }
  }
}
