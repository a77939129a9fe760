import type { BreakerStateStore } from '../contracts/breaker-state.js';
import { anObject, aQuorum, aText, onlyKnown } from '../policies/option-checks.js';
import { HostStore } from './host/host.store.js';
import { besideFile } from './host/meeting-place.js';

/** Options of `fileBreakerState()`. */
export interface FileBreakerStateOptions {
  /** Path of the file, in a folder that exists. Processes of this host that name the same file share their state. */
  readonly path: string;
  /**
   * How many other processes open a circuit here by having it open: a whole number of at least 1. Default: never, each
   * opens by a failure of its own.
   */
  readonly quorum?: number;
}

/**
 * Keeps open circuits in a file, so that a restart does not forget them, and shares them among the processes of this
 * host that name the same file, by a socket beside it.
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
