import { type ArgumentsHost, Catch, type ExceptionFilter, Inject, Injectable } from '@nestjs/common';
import { ApplicationConfig, HttpAdapterHost } from '@nestjs/core';
import { type Observable, throwError } from 'rxjs';
import { RateLimitExceededException } from '../../contracts/rate-limit-exceeded.exception.js';
import { RATE_LIMIT_SETTINGS, type RateLimitSettings } from '../../rate-limit.options.js';
import { errorHeaders } from './error-headers.js';
import { tooManyRequests } from './problem-details.js';
import { reply, replyWithProblem, setHeaders } from './response.js';

/** Under which Nest keeps what `@Catch()` lists. */
const CAUGHT = '__filterCatchExceptions__';

type ErrorType = abstract new (...args: never[]) => Error;

/**
 * Gives every 429 its `Retry-After`, that of a lease refused within a handler too, and hands it on: the body is for the
 * application's own global filter, if it has one for such exceptions. Bound together with `BackendUnavailableFilter`.
 * @internal
 */
@Injectable()
@Catch(RateLimitExceededException)
export class RateLimitExceededFilter implements ExceptionFilter<RateLimitExceededException> {
  constructor(
    @Inject(RATE_LIMIT_SETTINGS) private readonly settings: RateLimitSettings,
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Inject(ApplicationConfig) private readonly application: ApplicationConfig,
  ) {}

  catch(exception: RateLimitExceededException, host: ArgumentsHost): unknown {
    const next = this.nextFor(exception);
    // Other transports have neither headers nor bodies: what no filter takes goes their own way.
    if (host.getType() !== 'http') return next === undefined ? elsewhere(exception, host) : next.catch(exception, host);
    const response = host.getArgByIndex<object>(1);
    setHeaders(this.host, response, errorHeaders(exception));
    if (next !== undefined) return next.catch(exception, host);
    return this.settings.problemDetails
      ? replyWithProblem(this.host, response, tooManyRequests(exception))
      : reply(this.host, response, exception.getStatus(), exception.getResponse());
  }

  /** The filter that Nest would ask if this one were not bound: the last of the global ones that catches the error. */
  private nextFor(exception: RateLimitExceededException): ExceptionFilter | undefined {
    return this.application.getGlobalFilters().findLast((filter) => {
      if (filter instanceof RateLimitExceededFilter) return false;
      const types = (Reflect.getMetadata(CAUGHT, filter.constructor) as readonly ErrorType[] | undefined) ?? [];
      return types.length === 0 || types.some((type) => exception instanceof type);
    });
  }
}

/** What a caller on another transport is told: over RPC as Nest tells its own errors. */
function elsewhere(exception: RateLimitExceededException, host: ArgumentsHost): Observable<never> | undefined {
  if (host.getType() !== 'rpc') return undefined;
  return throwError(() => ({ status: 'error', message: exception.message }));
}
