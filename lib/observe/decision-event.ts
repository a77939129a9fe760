import { createHash } from 'node:crypto';
import type { Charge } from '../contracts/backend.js';
import type { Decision } from '../contracts/decision.js';
import type { CallOrigin, DecisionEvent } from '../contracts/events.js';

/** What a decision was made of. */
interface Decided extends CallOrigin {
  readonly charges: readonly Charge[];
}

/** Hash of a key, as `DecisionEvent#keyHash` tells it. */
export const hashOfKey = (key: string): string => createHash('sha256').update(key).digest('base64url').slice(0, 22);

/** The event of a decision. The hash is made when it is read: most listeners never do. */
export const decisionEvent = (decision: Decision, decided: Decided, durationMs: number): DecisionEvent => ({
  kind: 'decision',
  decision,
  ...originOf(decided),
  durationMs,
  get keyHash() {
    const key = keyOf(decision, decided.charges);
    return key === undefined ? null : hashOfKey(key);
  },
});

/** The event of a call that was not counted, because no limit applies to it or the limiter is switched off. */
export const uncountedEvent = (decision: Decision, origin: CallOrigin = {}): DecisionEvent => ({
  kind: 'decision',
  decision,
  ...originOf(origin),
  durationMs: 0,
  keyHash: null,
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
