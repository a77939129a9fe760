import type { Attributes } from '@opentelemetry/api';
import type { PlainDecisionEvent } from '../../observe/decision-event.js';
import { refuses } from '../../limiter/decisions.js';

/**
 * What a span tells of a decision: no key and no hash of one. Of several policies it names the first that refuses, else
 * the one with the smallest share of its limit left.
 */
export function spanAttributes({ decision }: PlainDecisionEvent): Attributes {
  const { kind, source, backend, policies } = decision;
  const told =
    policies.find(refuses) ??
    [...policies].sort((one, other) => one.remaining * other.limit - other.remaining * one.limit)[0];
  return {
    'floodgate.decision': kind,
    'floodgate.source': source,
    ...(backend !== null && { 'floodgate.backend': backend }),
    ...(told !== undefined && {
      'floodgate.policy': told.name,
      'floodgate.limit': told.limit,
      'floodgate.remaining': told.remaining,
    }),
    ...(decision.kind === 'unenforced' && { 'floodgate.reason': decision.reason }),
    ...(decision.kind === 'limited' &&
      decision.retryAfterMs !== null && { 'floodgate.retry_after_ms': decision.retryAfterMs }),
  };
}
