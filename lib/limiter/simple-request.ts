import type { Charge } from '../contracts/backend.js';
import type { CallOrigin } from '../contracts/events.js';
import type { FailureMode, Policy } from '../contracts/policy.js';
import type { CompiledPolicy } from '../policies/compiled-policy.js';
import type { PolicyDecisionRequest } from './decision-request.js';

// Classes, not literals: if V8 sees that many objects of a literal live for long, as those of calls that wait for a
// store do, it creates all later ones in the old generation. There they keep alive what they refer to, and with a
// thousand calls in flight each call takes three times as long.

/** A charge of most calls. */
export class SimpleCharge implements Charge {
  constructor(
    readonly key: string,
    readonly policy: Policy,
    readonly cost: number,
  ) {}
}

/** The request of most calls. */
export class SimpleRequest implements PolicyDecisionRequest {
  readonly route: CallOrigin['route'];
  readonly transport: CallOrigin['transport'];

  constructor(
    { route, transport }: CallOrigin,
    readonly policies: readonly CompiledPolicy[],
    readonly charges: readonly Charge[],
    readonly failureMode: FailureMode,
    readonly timeoutMs: number,
  ) {
    this.route = route;
    this.transport = transport;
  }
}
