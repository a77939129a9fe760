import type { PolicyOverride } from '../contracts/policy-store.js';
import { type KeyPattern, matches, networkOf, parseKeyPattern, specificity } from './key-pattern.js';

/** What applies to the keys of a pattern, until it ends. */
export interface KeyOverride<Target> {
  readonly pattern: KeyPattern;
  readonly to: Target;
  /** When it ends, ms since the epoch; `undefined`: never. */
  readonly untilMs: number | undefined;
}

/** The overrides of one policy: an exact key wins over a pattern, a longer pattern or network over a shorter one. */
export class PolicyOverrides<Target> {
  private readonly exact = new Map<string, KeyOverride<Target>>();
  private readonly patterns: readonly KeyOverride<Target>[];

  constructor(overrides: readonly KeyOverride<Target>[]) {
    for (const override of overrides) {
      if (override.pattern.kind === 'exact') this.exact.set(override.pattern.text, override);
    }
    this.patterns = overrides
      .filter(({ pattern }) => pattern.kind !== 'exact')
      .toSorted((one, other) => specificity(other.pattern) - specificity(one.pattern));
  }

  /** The override of a key; `undefined` if there is none. */
  find(key: string, nowMs: number): KeyOverride<Target> | undefined {
    const exact = this.exact.get(key);
    if (exact !== undefined && holds(exact, nowMs)) return exact;
    if (this.patterns.length === 0) return undefined;
    const network = networkOf(key);
    return this.patterns.find((one) => holds(one, nowMs) && matches(one.pattern, key, network));
  }
}

/** @throws RateLimitConfigurationError for a pattern that is wrong */
export const keyOverride = <Target>(
  option: string,
  { key, until }: PolicyOverride,
  to: Target,
): KeyOverride<Target> => ({
  pattern: parseKeyPattern(`${option}.key`, key),
  to,
  untilMs: until === undefined ? undefined : Date.parse(until),
});

const holds = ({ untilMs }: KeyOverride<unknown>, nowMs: number): boolean => untilMs === undefined || nowMs < untilMs;
