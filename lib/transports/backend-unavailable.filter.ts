import { type ArgumentsHost, Catch, type ExceptionFilter, Inject, Injectable, Optional } from '@nestjs/common';
import { BackendUnavailableError, CircuitOpenError } from '../contracts/errors.js';
import { checkModule } from '../policies/missing-module.js';
import { refusalOf } from './refusal.js';
import { Transports } from './transports.js';

/**
 * Answers a call in an outage or with an open circuit: over HTTP with 503 and `Retry-After`, elsewhere in the error
 * format of the transport. The answer names no backend and no breaker. The module binds it to all handlers unless
 * `bindFilter` is false. It runs before global filters of the application, because one that catches everything would
 * turn an outage into a 500.
 */
@Injectable()
@Catch(BackendUnavailableError, CircuitOpenError)
export class BackendUnavailableFilter implements ExceptionFilter<BackendUnavailableError | CircuitOpenError> {
  constructor(@Optional() @Inject(Transports) private readonly transports: Transports) {
    checkModule('BackendUnavailableFilter', transports);
  }

  catch(error: BackendUnavailableError | CircuitOpenError, call: ArgumentsHost): unknown {
    const transport = this.transports.of(call);
    transport.announce?.(call, error);
    if (transport.answer === undefined) throw error;
    return transport.answer(call, refusalOf(error), error);
  }
}
