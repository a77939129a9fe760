import { type ArgumentsHost, Injectable } from '@nestjs/common';
import { type Observable, throwError } from 'rxjs';
import { errorObject } from '../refusal.js';
import { isObject, propertiesOf } from '../structure.js';
import type { Caller, RateLimitTransport, Refusal } from '../transport.js';
import { grpcError, isGrpcCall } from './grpc.error.js';

/**
 * Messages and events of microservices. Of a payload only `user` is read, where guards put whom they authenticated: the
 * rest is the sender's to make up. Over TCP the address is the socket's.
 */
@Injectable()
export class RpcTransport implements RateLimitTransport {
  readonly name = 'rpc';

  owns(call: ArgumentsHost): boolean {
    return call.getType() === 'rpc';
  }

  caller(call: ArgumentsHost): Caller {
    const [payload, context] = call.getArgs<unknown[]>();
    return { user: isObject(payload) ? propertiesOf(payload)['user'] : undefined, ip: addressOf(context) };
  }

  answer(call: ArgumentsHost, refusal: Refusal): Observable<never> {
    return throwError(() => (isGrpcCall(call) ? grpcError(call, refusal) : errorObject(refusal)));
  }
}

function addressOf(context: unknown): unknown {
  const { getSocketRef } = propertiesOf(context);
  if (typeof getSocketRef !== 'function') return undefined;
  return propertiesOf(propertiesOf(getSocketRef.call(context)).netSocket)['remoteAddress'];
}
