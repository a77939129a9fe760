import type { ArgumentsHost } from '@nestjs/common';
import { propertiesOf } from '../structure.js';
import type { Refusal } from '../transport.js';

/** What is used of the metadata of @grpc/grpc-js. */
interface Metadata {
  set(key: string, value: string): void;
}

/** Status codes of gRPC. */
const RESOURCE_EXHAUSTED = 8;
const UNAVAILABLE = 14;

/** A call of gRPC has its metadata as its second argument, with methods of their own. */
export function isGrpcCall(call: ArgumentsHost): boolean {
  const metadata = call.getArgs<unknown[]>()[1];
  const { set, getMap, clone } = propertiesOf(metadata);
  return [set, getMap, clone].every((method) => typeof method === 'function');
}

/**
 * The gRPC error for a refusal: its status, and the retry time in the trailing metadata. gRPC clients that retry by
 * themselves read `grpc-retry-pushback-ms` (gRFC A6); a negative value means: do not retry.
 */
export function grpcError(call: ArgumentsHost, refusal: Refusal): object {
  const { code, message, retryAfterMs } = refusal;
  const metadata = newMetadata(call);
  metadata.set('error-code', code);
  metadata.set('grpc-retry-pushback-ms', String(retryAfterMs ?? -1));
  if (retryAfterMs !== null) {
    metadata.set('retry-after', String(Math.max(1, Math.ceil(retryAfterMs / 1_000))));
    metadata.set('retry-after-ms', String(retryAfterMs));
  }
  const status = code === 'RATE_LIMITED' ? RESOURCE_EXHAUSTED : UNAVAILABLE;
  return Object.assign(errorWithoutStack(message), { code: status, details: message, metadata });
}

/** Metadata of the class that the call's own is of: this package does not import gRPC. */
function newMetadata(call: ArgumentsHost): Metadata {
  const sent = call.getArgs<object[]>()[1];
  const { constructor: Made } = sent as { constructor: new () => Metadata };
  return new Made();
}

function errorWithoutStack(message: string): Error {
  const error = new Error(message);
  delete error.stack;
  return error;
}
