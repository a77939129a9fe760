import { MAX_PRODUCT } from '../../algorithms/algorithm.js';
import type { Charge } from '../../contracts/backend.js';
import type { AlgorithmName } from '../../contracts/policy.js';
import { arrayOf, chargeNumbers, policyNumbers, subjectOf, type FunctionCall } from './limiter.call.js';

/** A call of one subject that may share a statement with others. */
export interface BatchedCall {
  readonly subject: string;
  readonly charges: readonly Charge[];
}

/** One of the functions that decide on many calls. */
export interface BatchKind {
  call(calls: readonly BatchedCall[]): FunctionCall;
}

/** Of calls by one policy that mostly admits them: one statement for all. */
export const MANY: BatchKind = {
  call(calls) {
    const rows = calls.map(({ charges }) => policyNumbers(charges[0] as Charge));
    const columns = COLUMNS.map((_name, column) => arrayOf(rows.map((row) => row[column])));
    return { target: 'many', values: [calls.map(({ subject }) => subject), ...columns] };
  },
};

/** The parameters of `many.sql` for each call, in the order of `policyNumbers`. */
const COLUMNS = ['id', 'algorithm', 'limit', 'windowMs', 'cost', 'burst', 'blockForMs', 'enforced'] as const;

/** Of calls by any policies, one after the other. */
export const EACH: BatchKind = {
  call(calls) {
    const charges = calls.flatMap((one) => one.charges.map((charge) => chargeNumbers(1, charge, 0)));
    const sizes = calls.map((one) => one.charges.length);
    return { target: 'each', values: [calls.map(({ subject }) => subject), arrayOf(charges), sizes] };
  },
};

/** @returns the function that decides a call together with others, and its parameters; undefined: none */
export function batchable(charges: readonly Charge[]): { kind: BatchKind; call: BatchedCall } | undefined {
  const [charge] = charges;
  if (charge === undefined) return undefined;
  for (const { key, policy } of charges) if (key !== charge.key || policy.calendar !== undefined) return undefined;
  const call = { subject: subjectOf(charge.key), charges };
  return { kind: charges.length === 1 && isCommon(charge) ? MANY : EACH, call };
}

const COMMON: ReadonlySet<AlgorithmName> = new Set(['fixed-window', 'sliding-window', 'token-bucket']);

/** Whether the statement for many is worth a try: it has no products beyond `MAX_PRODUCT`. */
const isCommon = ({ policy: { algorithm, limit, windowMs, burst }, cost }: Charge): boolean =>
  COMMON.has(algorithm) &&
  cost > 0 &&
  cost <= burst &&
  limit > 0 &&
  (algorithm === 'fixed-window' || limit * windowMs <= MAX_PRODUCT);
