import type { FailureMode } from '../contracts/policy.js';
import type { CompiledPolicy } from '../policies/compiled-policy.js';
import { failureModeOf } from './failure-mode.js';

/** Policies, and what follows from them for every call. */
export interface LookedUp {
  readonly policies: readonly CompiledPolicy[];
  /** Whether each is charged once, by a cost that needs no request, in a counter of its own. */
  readonly areSimple: boolean;
  /** The failure mode of a call, by that of the module. */
  readonly failureModes: Readonly<Record<FailureMode, FailureMode>>;
}

/** Policies that were looked up already. Named ones follow changes at run time: they are looked up again after one. */
export class PreparedPolicies {
  private looked: LookedUp;
  private generation: number;

  /**
   * @param compile looks them up
   * @param generationNow of the catalog: grows with each change
   * @throws what `compile` throws
   */
  constructor(
    private readonly compile: () => readonly CompiledPolicy[],
    private readonly generationNow: () => number,
  ) {
    this.generation = generationNow();
    this.looked = factsOf(compile());
  }

  /** The policies as they are now, and what all calls by them have in common. */
  current(): LookedUp {
    const generation = this.generationNow();
    if (generation !== this.generation) {
      this.looked = factsOf(this.compile());
      this.generation = generation;
    }
    return this.looked;
  }
}

/** What follows from policies for every call by them. */
export function factsOf(policies: readonly CompiledPolicy[]): LookedUp {
  return {
    policies,
    areSimple: areSimple(policies),
    failureModes: {
      closed: failureModeOf(policies, 'closed'),
      open: failureModeOf(policies, 'open'),
      local: failureModeOf(policies, 'local'),
    },
  };
}

const areSimple = (policies: readonly CompiledPolicy[]): boolean =>
  policies.length > 0 &&
  new Set(policies.map(({ policy }) => policy.id)).size === policies.length &&
  policies.every(
    ({ cost, carriedFrom, chargeOn }) =>
      typeof cost === 'number' && carriedFrom === undefined && chargeOn === undefined,
  );
