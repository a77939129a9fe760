import type { BreakerStateStore } from '../contracts/breaker-state.js';
import { anObject, aQuorum, aText, onlyKnown } from '../policies/option-checks.js';
import { HostStore } from './host/host.store.js';
import { besideFile } from './host/meeting-place.js';

/** Options of `fileBreakerState()`. */
export interface FileBreakerStateOptions {
  /** Path of the file, in an existing folder. Processes of this host with the same path share their state. */
  readonly path: string;
  /**
   * The number of other processes with an open circuit that opens the circuit here: a whole number of at least 1.
   * Default: never; each circuit opens after its own failures.
   */
  readonly quorum?: number;
}

/**
 * Stores open circuits in a file, so that they survive a restart. The processes of this host with the same path share
 * them through a socket next to the file.
 *
 * @throws RateLimitConfigurationError for an option that is wrong
 * @example
 * RateLimitModule.forRoot({ breakerState: fileBreakerState({ path: '/var/lib/shop/breakers.json' }) })
 */
export function fileBreakerState(options: FileBreakerStateOptions): BreakerStateStore {
  anObject('fileBreakerState', options, "Give { path: '/var/lib/shop/breakers.json' }.");
  onlyKnown('fileBreakerState', options, ['path', 'quorum']);
  const { path, quorum } = options;
  aText('fileBreakerState.path', path);
  aQuorum('fileBreakerState.quorum', quorum);
  return new HostStore({ name: 'file', quorum, meetingPlace: () => besideFile(path), filePath: path });
}
