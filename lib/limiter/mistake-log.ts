import { Logger } from '@nestjs/common';
import type { Backend } from '../contracts/backend.js';
import { isConfigurationError } from '../contracts/errors.js';

/** Maximum wait for a connection and an answer, in ms. */
const PATIENCE_MS = 10_000;

/**
 * Checks at start-up whether a backend can decide, and logs a configuration mistake, such as a missing permission. An
 * outage is not a mistake: the affected calls report it.
 */
export async function logMistake(backend: Backend, stopped: AbortSignal): Promise<void> {
  try {
    await backend.ping(AbortSignal.any([AbortSignal.timeout(PATIENCE_MS), stopped]));
  } catch (error) {
    if (isConfigurationError(error)) {
      new Logger('RateLimit').error(`Backend '${backend.name}' cannot decide: ${error.message}`);
    }
  }
}
