import type { BreakerStateStore } from '../contracts/breaker-state.js';
import { anObject, aQuorum, onlyKnown } from '../policies/option-checks.js';
import { HostStore } from './host/host.store.js';
import { ofThisProcess } from './host/meeting-place.js';

/** Options of `processBreakerState()`. */
export interface ProcessBreakerStateOptions {
  /**
   * How many other processes open a circuit here by having it open: a whole number of at least 1. Default: never, each
   * opens by a failure of its own.
   */
  readonly quorum?: number;
}

/**
 * Shares open circuits among the workers of one `node:cluster`, or the threads of one process. Nothing outlives them.
 *
 * @throws RateLimitConfigurationError for an option that is wrong
 * @example
 * RateLimitModule.forRoot({ breakerState: processBreakerState() })
 */
export function processBreakerState(options: ProcessBreakerStateOptions = {}): BreakerStateStore {
  anObject('processBreakerState', options, 'Give { quorum: 3 }, or nothing.');
  onlyKnown('processBreakerState', options, ['quorum']);
  aQuorum('processBreakerState.quorum', options.quorum);
  return new HostStore({ name: 'process', quorum: options.quorum, meetingPlace: () => ofThisProcess() });
}
