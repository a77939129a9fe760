import { type ClientRequest, request } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { type Outcome, outcomeOf } from './answers.js';

/** Longest wait for an answer, in ms. */
const TIMEOUT_MS = 5_000;

/** Calls this application over HTTP, from any loopback address: so one process can be several clients. */
@Injectable()
export class ShopClient implements OnModuleDestroy {
  private readonly calls = new Set<ClientRequest>();

  constructor(private readonly host: HttpAdapterHost) {}

  /** What a call came to; it never rejects. */
  get(path: string, localAddress: string): Promise<Outcome> {
    const server = this.host.httpAdapter.getHttpServer() as Server;
    const address = server.address() as AddressInfo | null;
    return new Promise((resolve) => {
      // The application is closing.
      if (address === null) return resolve('failed');
      const { port } = address;
      const call = request({ host: '127.0.0.1', port, path, localAddress, agent: false, timeout: TIMEOUT_MS });
      this.calls.add(call);
      call.once('response', (response) => {
        response.resume();
        resolve(outcomeOf(response.statusCode ?? 0));
      });
      call.once('timeout', () => call.destroy());
      call.on('error', () => resolve('failed'));
      call.once('close', () => this.calls.delete(call));
      call.end();
    });
  }

  /** A server waits for its callers when it closes. */
  onModuleDestroy(): void {
    for (const call of this.calls) call.destroy();
  }
}

/** Whether this machine has the address: Linux has all of 127.0.0.0/8, others may have 127.0.0.1 alone. */
export function hasAddress(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(0, address, () => server.close(() => resolve(true)));
  });
}
