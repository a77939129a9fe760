import type { Charge } from '../contracts/backend.js';

/** Removes repetitions: a policy that applies twice to a call is charged once. The first one stays. */
export function distinct(charges: readonly Charge[]): readonly Charge[] {
  if (charges.length < 2) return charges;
  return charges.filter((charge, index) => charges.findIndex((other) => sameCounter(other, charge)) === index);
}

const sameCounter = (one: Charge, other: Charge): boolean => one.policy.id === other.policy.id && one.key === other.key;

/** The same charges at another cost. */
export const withCost = (charges: readonly Charge[], cost: number): readonly Charge[] =>
  charges.map((charge) => ({ ...charge, cost }));
