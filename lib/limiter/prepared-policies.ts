import type { FailureMode } from '../contracts/policy.js';
import type { CompiledPolicy } from '../policies/compiled-policy.js';
import { failureModeOf } from './failure-mode.js';

/** Policies, and values that are the same for every call. */
export interface LookedUp {
  readonly policies: readonly CompiledPolicy[];
  /** Whether each is charged once, with a fixed cost, in its own counter. */
  readonly areSimple: boolean;
  /** The failure mode of a call, for a mode of the module. */
  readonly failureModes: Readonly<Record<FailureMode, FailureMode>>;
}

/**
 * Policies that are resolved once. Named policies follow changes at run time: they are resolved again after a change.
 */
export class PreparedPolicies {
  private looked: LookedUp;
  private generation: number;

  /**
   * @param compile resolves them
   * @param generationNow of the catalog: grows with each change
   * @throws the errors of `compile`
   */
  constructor(
    private readonly compile: () => readonly CompiledPolicy[],
    private readonly generationNow: () => number,
  ) {
    this.generation = generationNow();
    this.looked = factsOf(compile());
  }

  /** The current policies, and the common values of all calls. */
  current(): LookedUp {
    const generation = this.generationNow();
    if (generation !== this.generation) {
      this.looked = factsOf(this.compile());
      this.generation = generation;
    }
    return this.looked;
  }
}

/** The common values of all calls by these policies. */
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
