import { chmodSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import type { Hub, HubMember } from '../hub.js';
import { inodeOf } from './inode.js';
import { receive, send, WIRE_VERSION, type ToHub } from './wire.js';

/** The socket at which other processes of the host reach the hub of this one. Keeps no process alive. */
export class HubServer {
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private inode: number | undefined;
  private admit = (): void => undefined;
  private readonly admitted = new Promise<void>((resolve) => (this.admit = resolve));

  constructor(
    private readonly hub: Hub,
    private readonly path: string,
  ) {
    this.server = createServer((socket) => this.meet(socket)).unref();
  }

  /** @throws the errors of `listen`: `EADDRINUSE` if another process is or was the hub */
  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      // Exclusive, because a cluster worker would otherwise share the socket of its primary, and the connections.
      this.server.listen({ path: this.path, exclusive: true }, resolve);
    });
    this.server.removeAllListeners('error').on('error', () => undefined);
    if (process.platform === 'win32') return;
    chmodSync(this.path, 0o600);
    this.inode = inodeOf(this.path);
  }

  /** The hub has read the stored state. Connecting processes are served from now on. */
  begin(): void {
    this.admit();
  }

  /** Whether the socket at the path is still this one, and was not replaced by another process. */
  isReachable(): boolean {
    return process.platform === 'win32' || (this.inode !== undefined && inodeOf(this.path) === this.inode);
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  private meet(socket: Socket): void {
    socket.unref();
    this.sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.sockets.delete(socket));
    void this.admitted.then(() => this.serveAll(socket));
  }

  private serveAll(socket: Socket): void {
    let id: string | undefined;
    socket.on('close', () => id !== undefined && this.hub.leave(id));
    receive(socket, (received) => {
      const message = received as ToHub;
      if (message.kind !== 'hello') {
        if (id !== undefined) this.serve(socket, id, message);
      } else if (message.version === WIRE_VERSION && id === undefined) {
        id = message.id;
        const member: HubMember = { id, heard: (peers) => send(socket, { kind: 'heard', peers }) };
        send(socket, { kind: 'welcome', resumed: this.hub.enter(member, message.reports, message.starts) });
      } else {
        socket.destroy();
      }
    });
  }

  private serve(socket: Socket, id: string, message: Exclude<ToHub, { kind: 'hello' }>): void {
    switch (message.kind) {
      case 'tell':
        return this.hub.tell(id, message.reports);
      case 'claim': {
        const { call, circuit, forMs } = message;
        return send(socket, { kind: 'answer', call, refusal: this.hub.claim(id, circuit, forMs) });
      }
      case 'settle':
        return this.hub.settle(id, message.circuit, message.keep);
      default:
        return message satisfies never;
    }
  }
}
