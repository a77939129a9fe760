import { ServiceUnavailableException } from '@nestjs/common';
import type { BackendUnavailableError, CircuitOpenError } from '../../contracts/errors.js';

/**
 * No backend can decide on a hit, and the failure mode is `closed`. An `HttpException`, so that it is 503 with any
 * filter; the body tells nothing of the backend.
 */
export class ThrottlerUnavailableException extends ServiceUnavailableException {
  /** As of every error for an outage. */
  readonly code = 'BACKEND_UNAVAILABLE';
  /** Time after which trying again makes sense, ms; 0 when unknown. */
  readonly retryAfterMs: number;

  constructor(cause: BackendUnavailableError | CircuitOpenError) {
    super(undefined, { cause });
    this.retryAfterMs = cause.retryAfterMs;
  }
}
