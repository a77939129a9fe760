import {
  type ArgumentsHost,
  Catch,
  type ExceptionFilter,
  Inject,
  Injectable,
  Optional,
  ServiceUnavailableException,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { type Observable, throwError } from 'rxjs';
import { BackendUnavailableError, CircuitOpenError } from '../../contracts/errors.js';
import { checkModule } from '../../policies/missing-module.js';
import { RATE_LIMIT_SETTINGS, type RateLimitSettings } from '../../rate-limit.options.js';
import { errorHeaders } from './error-headers.js';
import { temporaryReducedCapacity } from './problem-details.js';
import { reply, replyWithProblem, setHeaders } from './response.js';

/**
 * Answers 503 with `Retry-After` when a limit cannot be decided, or a circuit is open. The body names neither backend
 * nor breaker. Bound to all routes by the module unless `bindFilter` is false, before any global filter of the
 * application: one that catches everything would turn an outage into a 500.
 *
 * To RPC callers and sockets it reports the error as Nest reports its own; on other transports it hands on a
 * `ServiceUnavailableException`.
 */
@Injectable()
@Catch(BackendUnavailableError, CircuitOpenError)
export class BackendUnavailableFilter implements ExceptionFilter<BackendUnavailableError | CircuitOpenError> {
  constructor(
    @Optional() @Inject(RATE_LIMIT_SETTINGS) private readonly settings: RateLimitSettings,
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
  ) {
    checkModule('BackendUnavailableFilter', settings);
  }

  catch(error: BackendUnavailableError | CircuitOpenError, host: ArgumentsHost): Observable<never> | undefined {
    const unavailable = new ServiceUnavailableException();
    const outage = { status: 'error', message: unavailable.message };
    switch (host.getType()) {
      case 'http': {
        const response = host.getArgByIndex<object>(1);
        setHeaders(this.host, response, errorHeaders(error));
        if (this.settings.problemDetails) replyWithProblem(this.host, response, temporaryReducedCapacity());
        else reply(this.host, response, unavailable.getStatus(), unavailable.getResponse());
        return undefined;
      }
      case 'rpc':
        return throwError(() => outage);
      case 'ws':
        tellSocket(host, outage);
        return undefined;
      default:
        throw unavailable;
    }
  }
}

/** Sends what Nest sends of its own errors: nothing catches what a gateway's filter throws. */
function tellSocket(host: ArgumentsHost, outage: object): void {
  const socket = host.switchToWs().getClient<{ emit?: (event: string, data: object) => unknown } | undefined>();
  if (typeof socket?.emit === 'function') socket.emit('exception', outage);
}
