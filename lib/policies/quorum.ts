import { RateLimitConfigurationError } from '../contracts/errors.js';

/** @throws RateLimitConfigurationError unless it is a whole number of at least 1, or left out */
export function checkQuorum(place: string, quorum: unknown): void {
  if (quorum === undefined || (Number.isSafeInteger(quorum) && (quorum as number) >= 1)) return;
  throw new RateLimitConfigurationError(
    `${place}.quorum`,
    quorum,
    'Give a whole number of at least 1, or leave it out: then no circuit opens without a failure of its own.',
  );
}
