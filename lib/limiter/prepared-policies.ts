import type { CompiledPolicy } from '../policies/compiled-policy.js';

/** Policies that were looked up already. Named ones follow changes at run time: they are looked up again after one. */
export class PreparedPolicies {
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
  }

  /** The policies as they are now. */
  current(): readonly CompiledPolicy[] {
    const generation = this.generationNow();
    if (generation !== this.generation) {
      this.compiled = this.compile();
      this.generation = generation;
    }
    return this.compiled;
  }
}
