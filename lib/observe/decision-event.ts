import { createHash } from 'node:crypto';
import type { Charge } from '../contracts/backend.js';
import type { Decision } from '../contracts/decision.js';
import type { CallOrigin, DecisionEvent, RateLimitEvent } from '../contracts/events.js';

/** A decision event inside the package, without the hash of its key, which takes longer than the rest. */
export type PlainDecisionEvent = Omit<DecisionEvent, 'keyHash'>;

/** An event inside the package. */
export type ObservedEvent = PlainDecisionEvent | Exclude<RateLimitEvent, DecisionEvent>;

/** Hash of a key, as `DecisionEvent#keyHash` tells it. */
export const hashOfKey = (key: string): string => createHash('sha256').update(key).digest('base64url').slice(0, 22);

/** The event of a decision. */
export const decisionEvent = (
  decision: Decision,
  { route, transport }: CallOrigin,
  durationMs: number,
): PlainDecisionEvent => ({ kind: 'decision', decision, route, transport, durationMs });

/** The same as everybody hears it. The hash is made when it is read: most listeners never do. */
export const withKeyHash = (event: PlainDecisionEvent, charges: readonly Charge[]): DecisionEvent => ({
  kind: 'decision',
  decision: event.decision,
  ...originOf(event),
  durationMs: event.durationMs,
  get keyHash() {
    const key = keyOf(event.decision, charges);
    return key === undefined ? null : hashOfKey(key);
  },
});

const originOf = ({ route, transport }: CallOrigin): CallOrigin => ({
  ...(route !== undefined && { route }),
  ...(transport !== undefined && { transport }),
});

/** The key of the first policy that refuses, else of the first. Statuses are in the order of the charges. */
function keyOf({ policies }: Decision, charges: readonly Charge[]): string | undefined {
  const refusing = policies.findIndex(({ allowed, mode }) => !allowed && mode === 'enforce');
  return charges[Math.max(refusing, 0)]?.key;
}
