import type { Attributes } from '@opentelemetry/api';
import type { PlainDecisionEvent } from '../../observe/decision-event.js';
import { refuses } from '../../limiter/decisions.js';

/**
 * The attributes of a span for a decision: no key and no hash of a key. If there are several policies, it names the
 * first that refuses, else the one with the smallest remaining share.
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
