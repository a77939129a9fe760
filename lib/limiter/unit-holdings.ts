import type { Charge } from '../contracts/backend.js';
import { afterUnref } from '../contracts/process-time.js';
import { isSameQuota } from '../policies/policy-identity.js';
import { LONGEST_HELD_MS, UnitHolding } from './unit-holding.js';

/** Default number of keys of each policy. The units of a dropped key are given back. */
const MAX_KEYS = 10_000;

/** Time between two checks for unused units, ms. */
const LOOK_MS = LONGEST_HELD_MS / 4;

export interface HoldingsOptions {
  readonly clock: () => number;
  readonly maxKeys?: number;
  /** Gives back the units of a holding. */
  readonly giveBack: (holding: UnitHolding) => void;
}

/** The holdings of a process by policy and key. The least recently used key of a policy is dropped first. */
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

  /** The holding of a charge, if there is one. If its policy has changed, its units are given back. */
  find({ key, policy }: Charge): UnitHolding | undefined {
    const holding = this.byPolicy.get(policy.id)?.get(key);
    if (holding === undefined || holding.policy === policy) return holding;
    const isSame = isSameQuota(holding.policy, policy) && isSameQuota(policy, holding.policy);
    holding.policy = policy;
    if (!isSame) this.options.giveBack(holding);
    return holding;
  }

  /** The same, but creates a missing holding. Counts as a use of the key. */
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

  /** Drops the held units of a charge, whatever its quota. */
  drop({ key, policy }: Charge): void {
    this.byPolicy.get(policy.id)?.get(key)?.void();
  }

  /** All holdings. */
  *all(): Generator<UnitHolding> {
    for (const ofPolicy of this.byPolicy.values()) yield* ofPolicy.values();
  }

  /** Starts to check for unused units, until none are held. */
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

  /** Gives back units that are held for too long, and drops old holdings. Answers whether units are still held. */
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
      // Calls in flight still use it.
      if (holding === kept || holding.debiting !== undefined || holding.lowering > 0) continue;
      this.options.giveBack(holding);
      ofPolicy.delete(key);
      return;
    }
  }
}
