import { type ArgumentsHost, Catch, type ExceptionFilter, Inject, Injectable } from '@nestjs/common';
import { ApplicationConfig } from '@nestjs/core';
import { RateLimitExceededException } from '../contracts/rate-limit-exceeded.exception.js';
import { refusalOf } from './refusal.js';
import { Transports } from './transports.js';

/** Under which Nest keeps what `@Catch()` lists. */
const CAUGHT = '__filterCatchExceptions__';

type ErrorType = abstract new (...args: never[]) => Error;

/**
 * Tells a caller when to come back, that of a lease refused within a handler too, and hands the error on: the body is
 * for the application's own global filter, if it has one for such exceptions. Bound together with
 * `BackendUnavailableFilter`. @internal
 */
@Injectable()
@Catch(RateLimitExceededException)
export class RateLimitExceededFilter implements ExceptionFilter<RateLimitExceededException> {
  constructor(
    @Inject(Transports) private readonly transports: Transports,
    @Inject(ApplicationConfig) private readonly application: ApplicationConfig,
  ) {}

  catch(exception: RateLimitExceededException, call: ArgumentsHost): unknown {
    const transport = this.transports.of(call);
    transport.announce?.(call, exception);
    const next = this.nextFor(exception, call);
    if (next !== undefined) return next.catch(exception, call);
    if (transport.answer === undefined) throw exception;
    return transport.answer(call, refusalOf(exception), exception);
  }

  /**
   * The filter that Nest would ask if this one were not bound: the last of the global ones that catches the error. Elsewhere
   * than over HTTP only one that names the error is asked: those that catch more are written for HTTP.
   */
  private nextFor(exception: RateLimitExceededException, call: ArgumentsHost): ExceptionFilter | undefined {
    const isHttp = call.getType() === 'http';
    return this.application.getGlobalFilters().findLast((filter) => {
      if (filter instanceof RateLimitExceededFilter) return false;
      const types = (Reflect.getMetadata(CAUGHT, filter.constructor) as readonly ErrorType[] | undefined) ?? [];
      if (!isHttp) return types.includes(RateLimitExceededException);
      return types.length === 0 || types.some((type) => exception instanceof type);
    });
  }
}
