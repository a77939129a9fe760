import type { BreakerStateStore } from '../contracts/breaker-state.js';
import { anObject, aQuorum, onlyKnown } from '../policies/option-checks.js';
import { HostStore } from './host/host.store.js';
import { ofThisProcess } from './host/meeting-place.js';

/** Options of `processBreakerState()`. */
export interface ProcessBreakerStateOptions {
  /**
   * The number of other processes with an open circuit that opens the circuit here: a whole number of at least 1.
   * Default: never; each circuit opens after its own failures.
   */
  readonly quorum?: number;
}

/**
 * Shares open circuits between the workers of one `node:cluster`, or the threads of one process. They do not survive
 * the processes.
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
