import { type ArgumentsHost, Catch, type ExceptionFilter, Inject, Injectable, Optional } from '@nestjs/common';
import { BackendUnavailableError, CircuitOpenError } from '../contracts/errors.js';
import { checkModule } from '../policies/missing-module.js';
import { refusalOf } from './refusal.js';
import { Transports } from './transports.js';

/**
 * Answers a call for which a limit cannot be decided, or whose circuit is open: over HTTP with 503 and `Retry-After`,
 * elsewhere as the transport tells of errors. The answer names neither backend nor breaker. Bound to all handlers by the
 * module unless `bindFilter` is false, before any global filter of the application: one that catches everything would
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
