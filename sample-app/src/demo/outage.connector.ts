import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { AbstractConnector, type RedisOptions } from 'ioredis';
import type { Outage } from './outage.js';

/**
 * How ioredis reaches its server, so that the demo can cut the connection: then none is left, and none can be made. The
 * server itself is not touched, for it may serve others.
 */
export function connectorWith(outage: Outage): NonNullable<RedisOptions['Connector']> {
  return class extends AbstractConnector {
    private readonly server: RedisOptions;

    constructor(options: unknown) {
      const server = options as RedisOptions;
      super(server.disconnectTimeout ?? 0);
      this.server = server;
    }

    async connect(): Promise<Socket | TLSSocket> {
      if (outage.isOn) throw Object.assign(new Error('The demo has cut the connection'), { code: 'ECONNREFUSED' });
      const { host = 'localhost', port = 6379, path, tls } = this.server;
      const address = path === undefined ? { host, port } : { path };
      const stream = tls === undefined ? connect(address) : connectTls({ ...address, ...tls });
      const forget = outage.onChange((isOn) => isOn && stream.destroy());
      stream.once('close', forget);
      stream.once('error', (error) => (this.firstError = error));
      this.stream = stream;
      return stream;
    }
  };
}
