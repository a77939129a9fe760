import type { CompiledPolicy } from '../policies/compiled-policy.js';

/** Policies that were looked up already. Named ones follow changes at run time: they are looked up again after one. */
export class PreparedPolicies {
  private simple: boolean;
  private compiled: readonly CompiledPolicy[];
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
    this.compiled = compile();
    this.simple = areSimple(this.compiled);
  }

  /** The policies as they are now. */
  current(): readonly CompiledPolicy[] {
    const generation = this.generationNow();
    if (generation !== this.generation) {
      this.compiled = this.compile();
      this.simple = areSimple(this.compiled);
      this.generation = generation;
    }
    return this.compiled;
  }

  /** Whether each of the current policies is charged once, by a cost that needs no request, in a counter of its own. */
  get areSimple(): boolean {
    return this.simple;
  }
}

const areSimple = (policies: readonly CompiledPolicy[]): boolean =>
  policies.length > 0 &&
  new Set(policies.map(({ policy }) => policy.id)).size === policies.length &&
  policies.every(({ cost, carriedFrom }) => typeof cost === 'number' && carriedFrom === undefined);
