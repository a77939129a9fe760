import type { Decision, LimitedDecision, PolicyStatus } from '../../contracts/decision.js';

/** What the fields of one operation were decided, as one decision. */
export type OperationDecision = Decision;

/**
 * Adds a field to an operation. Each policy is listed once; if several have the same name, the one with the least left.
 * The operation is `limited` if a field is.
 */
export function withField(before: OperationDecision | undefined, field: Decision): OperationDecision {
  if (before === undefined) return field;
  const policies = tightest([...before.policies, ...field.policies]);
  const [limited, other] = before.kind === 'limited' ? [before, field] : [field, before];
  if (limited.kind !== 'limited') return { ...field, policies };
  return other.kind === 'limited' ? { ...longer(limited, other), policies } : { ...limited, policies };
}

function tightest(statuses: readonly PolicyStatus[]): readonly PolicyStatus[] {
  const byName = new Map<string, PolicyStatus>();
  for (const status of statuses) {
    const known = byName.get(status.name);
    if (known === undefined || isTighter(status, known)) byName.set(status.name, status);
  }
  return [...byName.values()];
}

const isTighter = (one: PolicyStatus, other: PolicyStatus): boolean =>
  one.remaining < other.remaining || (one.remaining === other.remaining && !one.allowed);

/** The refusal that takes longer; one that never passes is the longest. */
function longer(one: LimitedDecision, other: LimitedDecision): LimitedDecision {
  const waits = [one, other].map(({ retryAfterMs }) => retryAfterMs ?? Number.POSITIVE_INFINITY);
  return (waits[0] ?? 0) >= (waits[1] ?? 0) ? one : other;
}
