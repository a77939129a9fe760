import { join } from 'node:path';
import { Controller } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type Client as Stub, credentials, loadPackageDefinition, type ServiceError, status } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { GrpcMethod, Transport } from '@nestjs/microservices';
import { freePort } from '../../../support/free-port.js';
import {
  type Cell,
  type Client,
  fail,
  Guarded,
  type HandlerName,
  Limited,
  other,
  readCode,
  rootOf,
  type Told,
} from './cell.js';

interface Text {
  readonly text: string;
}

@Controller()
class Handlers {
  @Limited('ask')
  @GrpcMethod('Limits', 'Ask')
  ask(): Text {
    return { text: 'ask' };
  }

  @GrpcMethod('Limits', 'Free')
  free(): Text {
    return { text: 'free' };
  }

  @Guarded()
  @GrpcMethod('Limits', 'Partner')
  partner(): Promise<Text> {
    return fail();
  }
}

type Unary = (request: Text, done: (error: ServiceError | null, answer?: Text) => void) => void;
type Limits = Stub & Record<HandlerName, Unary>;

class GrpcClient implements Client {
  constructor(private readonly stub: Limits) {}

  call(handlers: readonly HandlerName[]): Promise<Told[]> {
    return Promise.all(
      handlers.map(
        (handler) =>
          new Promise<Told>((resolve) =>
            this.stub[handler]({ text: '' }, (error, answer) =>
              resolve(error === null ? (answer?.text as HandlerName) : readError(error)),
            ),
          ),
      ),
    );
  }

  lost(): number {
    return 0;
  }

  async close(): Promise<void> {
    this.stub.close();
  }
}

const STATUSES: Readonly<Record<string, number>> = {
  RATE_LIMITED: status.RESOURCE_EXHAUSTED,
  BACKEND_UNAVAILABLE: status.UNAVAILABLE,
  CIRCUIT_OPEN: status.UNAVAILABLE,
};

/** The status tells of the error, and the metadata when to come back, in each of the ways that clients read. */
function readError({ code, details, metadata }: ServiceError): Told {
  const raw = { code, details, metadata: metadata.getMap() };
  const [errorCode, retryAfterMs, pushback, seconds] = [
    'error-code',
    'retry-after-ms',
    'grpc-retry-pushback-ms',
    'retry-after',
  ].map((name) => metadata.get(name)[0]);
  const isTold = code === STATUSES[String(errorCode)] && pushback === retryAfterMs && Number(seconds) >= 1;
  return isTold ? readCode(errorCode, details, Number(retryAfterMs), raw) : other(raw);
}

const protoPath = join(import.meta.dirname, 'limits.proto');

export const grpcCell: Cell = {
  name: 'gRPC',
  circuitCode: 'CIRCUIT_OPEN',
  async start(limits, logger) {
    const url = `127.0.0.1:${await freePort()}`;
    const root = rootOf({ imports: [limits], controllers: [Handlers] });
    const app = await NestFactory.createMicroservice(root, {
      transport: Transport.GRPC,
      options: { package: 'limits', protoPath, url },
      logger,
      abortOnError: false,
    });
    await app.listen();
    const { limits: service } = loadPackageDefinition(loadSync(protoPath)) as unknown as {
      limits: { Limits: new (...args: unknown[]) => Limits };
    };
    return { app, client: new GrpcClient(new service.Limits(url, credentials.createInsecure())) };
  },
};
