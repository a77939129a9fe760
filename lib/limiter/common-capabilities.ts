import type { Backend, BackendCapabilities } from '../contracts/backend.js';
import { RateLimitConfigurationError } from '../contracts/errors.js';
import { ALGORITHM_NAMES } from '../contracts/policy.js';

/**
 * The capabilities that every member has. A policy that needs more is an error at start-up, because a limit must not
 * change its meaning in an outage. The default algorithm must be among them.
 */
export function commonCapabilities([first, ...others]: readonly Backend[]): BackendCapabilities {
  let common = capabilitiesOf(first);
  for (const other of others) {
    const theirs = capabilitiesOf(other);
    const differences = ALGORITHM_NAMES.filter(
      (name) => common.algorithms.includes(name) !== theirs.algorithms.includes(name),
    );
    if (differences.includes('sliding-window')) {
      throw new RateLimitConfigurationError(
        'failoverBackend',
        `'${first?.name}' and '${other.name}' differ in ${differences.join(', ')}`,
        'Members must offer the same algorithms, the default one at least, or a limit would change its meaning in an outage.',
      );
    }
    common = {
      algorithms: common.algorithms.filter((name) => theirs.algorithms.includes(name)),
      ...(common.calendar === true && theirs.calendar === true && { calendar: true }),
    };
  }
  return common;
}

const EVERYTHING: BackendCapabilities = { algorithms: ALGORITHM_NAMES, calendar: true };

const capabilitiesOf = (backend: Backend | undefined): BackendCapabilities => backend?.capabilities ?? EVERYTHING;
