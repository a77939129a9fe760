import type { BreakerState } from '../contracts/breaker.js';

/** Stands for all names beyond a cap. */
export const OTHER = 'other';

/** Bounds how many values a label takes: the first names keep theirs, the rest is `other`. */
export class CappedNames {
  private readonly known = new Set<string>();

  constructor(private readonly most: number) {}

  labelOf(name: string): string {
    if (this.known.has(name)) return name;
    if (this.known.size >= this.most) return OTHER;
    this.known.add(name);
    return name;
  }
}

/** The series of a breaker. Those of a keyed `@CircuitBreaker`, named `Class.method[key]`, are one: no label holds a key. */
export function seriesOf(breaker: string): string {
  const key = breaker.indexOf('[');
  return key > 0 && breaker.endsWith(']') ? breaker.slice(0, key) : breaker;
}

export const BREAKER_STATES: readonly BreakerState[] = ['closed', 'half-open', 'open'];

/** The worst state in each series. */
export function worstStates(
  breakers: Readonly<Record<string, { readonly state: BreakerState }>>,
): ReadonlyMap<string, BreakerState> {
  const worst = new Map<string, BreakerState>();
  for (const [name, { state }] of Object.entries(breakers)) {
    const series = seriesOf(name);
    const known = worst.get(series);
    if (known === undefined || severity(state) > severity(known)) worst.set(series, state);
  }
  return worst;
}

const severity = (state: BreakerState): number => BREAKER_STATES.indexOf(state);
