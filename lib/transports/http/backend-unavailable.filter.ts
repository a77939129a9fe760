import {
  type ArgumentsHost,
  Catch,
  type ExceptionFilter,
  Inject,
  Injectable,
  ServiceUnavailableException,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { type Observable, throwError } from 'rxjs';
import { BackendUnavailableError, CircuitOpenError } from '../../contracts/errors.js';
import { RATE_LIMIT_SETTINGS, type RateLimitSettings } from '../../rate-limit.options.js';
import { retryAfterHeader } from './headers.js';
import { temporaryReducedCapacity } from './problem-details.js';
import { reply, replyWithProblem, setHeaders } from './response.js';

/**
 * Answers 503 with `Retry-After` when a limit cannot be decided, or a circuit is open. The body names neither backend
 * nor breaker. Bound to all routes by the module unless `bindFilter` is false, before any global filter of the
 * application: one that catches everything would turn an outage into a 500.
 *
 * To RPC callers it reports the error as Nest reports its own; on other transports it hands on a
 * `ServiceUnavailableException`.
 */
@Injectable()
@Catch(BackendUnavailableError, CircuitOpenError)
export class BackendUnavailableFilter implements ExceptionFilter<BackendUnavailableError | CircuitOpenError> {
  constructor(
    @Inject(RATE_LIMIT_SETTINGS) private readonly settings: RateLimitSettings,
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
  ) {}

  catch(
    { retryAfterMs }: BackendUnavailableError | CircuitOpenError,
    host: ArgumentsHost,
  ): Observable<never> | undefined {
    const unavailable = new ServiceUnavailableException();
    switch (host.getType()) {
      case 'http': {
        const response = host.getArgByIndex<object>(1);
        setHeaders(this.host, response, [retryAfterHeader(retryAfterMs)]);
        if (this.settings.problemDetails) replyWithProblem(this.host, response, temporaryReducedCapacity());
        else reply(this.host, response, unavailable.getStatus(), unavailable.getResponse());
        return undefined;
      }
      case 'rpc':
        return throwError(() => ({ status: 'error', message: unavailable.message }));
      default:
        throw unavailable;
    }
  }
}
