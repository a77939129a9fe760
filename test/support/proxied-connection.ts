import { connect, type Socket } from 'node:net';
import { ProxiedFlow, type Way } from './proxied-flow.js';

/** The proxy, as one of its connections sees it. */
export interface ConnectionContext extends Way {
  readonly target: { readonly port: number; readonly host: string };
  bytesFromClients: number;
  bytesFromTarget: number;
}

/** A client's connection to a proxy, and the proxy's to the target, which is opened when the way is. */
export class ProxiedConnection {
  /** Resolves when both sides are closed. */
  readonly closed: Promise<void>;
  readonly #toTarget: ProxiedFlow;
  #toClient: ProxiedFlow | undefined;
  #target: Socket | undefined;

  constructor(
    private readonly client: Socket,
    private readonly context: ConnectionContext,
  ) {
    this.#toTarget = new ProxiedFlow(client, context, (bytes) => (context.bytesFromClients += bytes));
    this.#toTarget.broken = context.passage === 'lost';
    this.#watch(client, () => this.#target);
    this.closed = closeOf(client).then(() => closeOf(this.#target));
    this.update();
  }

  /** Bytes of both ways that are still to be delivered. */
  get bytesUnderWay(): number {
    return this.#toTarget.bytesUnderWay + (this.#toClient?.bytesUnderWay ?? 0);
  }

  /** Adapts to a changed way: opens the target's side, lets bytes go on, or resets what can never be right again. */
  update(): void {
    const broken = this.#toTarget.broken || this.#toClient?.broken === true;
    if (broken && this.context.passage !== 'lost') return this.reset();
    if (this.context.passage === 'open' && !this.#target) this.#open();
    this.#toTarget.advance();
    this.#toClient?.advance();
  }

  /** Sends RST to both sides. */
  reset(): void {
    resetSocket(this.client);
    resetSocket(this.#target);
  }

  #open(): void {
    const target = connect({ ...this.context.target, allowHalfOpen: true });
    this.#target = target;
    this.#watch(target, () => this.client);
    this.#toClient = new ProxiedFlow(target, this.context, (bytes) => (this.context.bytesFromTarget += bytes));
    this.#toClient.into(this.client);
    this.#toTarget.into(target);
  }

  /** A reset of one side reaches the other when the way is open, and no sooner. */
  #watch(socket: Socket, other: () => Socket | undefined): void {
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('close', (hadError) => {
      if (!hadError) return;
      if (this.context.passage === 'open') resetSocket(other());
      else this.#toTarget.broken = true;
    });
  }
}

function resetSocket(socket: Socket | undefined): void {
  if (!socket || socket.destroyed) return;
  // A socket that has sent its FIN cannot be reset any more: Node would keep its handle for ever.
  if (socket.connecting || socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

async function closeOf(socket: Socket | undefined): Promise<void> {
  if (!socket || socket.closed) return;
  await new Promise<void>((resolve) => socket.once('close', () => resolve()));
}
