import {
  type ArgumentsHost,
  Catch,
  type ExceptionFilter,
  Inject,
  Injectable,
  ServiceUnavailableException,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { BackendUnavailableError, CircuitOpenError } from '../contracts/errors.js';
import { RATE_LIMIT_SETTINGS, type RateLimitSettings } from '../rate-limit.options.js';
import { retryAfterHeader } from './headers.js';
import { PROBLEM_JSON, temporaryReducedCapacity } from './problem-details.js';

/**
 * Answers 503 with `Retry-After` when a limit cannot be decided, or a circuit is open. The body names neither backend
 * nor breaker. Bound to all routes by the module unless `bindFilter` is false.
 *
 * On other transports it hands on a `ServiceUnavailableException`, for the transport's own way with exceptions.
 */
@Injectable()
@Catch(BackendUnavailableError, CircuitOpenError)
export class BackendUnavailableFilter implements ExceptionFilter<BackendUnavailableError | CircuitOpenError> {
  constructor(
    @Inject(RATE_LIMIT_SETTINGS) private readonly settings: RateLimitSettings,
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
  ) {}

  catch(error: BackendUnavailableError | CircuitOpenError, host: ArgumentsHost): void {
    const unavailable = new ServiceUnavailableException();
    if (host.getType() !== 'http') throw unavailable;
    const { httpAdapter } = this.host;
    const response: unknown = host.switchToHttp().getResponse();
    if (httpAdapter.isHeadersSent(response)) {
      httpAdapter.end(response);
      return;
    }
    httpAdapter.setHeader(response, ...(retryAfterHeader(error.retryAfterMs) as [string, string]));
    if (this.settings.problemDetails) httpAdapter.setHeader(response, 'Content-Type', PROBLEM_JSON);
    const body = this.settings.problemDetails ? temporaryReducedCapacity() : unavailable.getResponse();
    httpAdapter.reply(response, body, unavailable.getStatus());
  }
}
