import { connect, type Socket } from 'node:net';
import type { CircuitReport, PeersProbe, PeersReport, ProbeRefusal } from '../../contracts/breaker-state.js';
import { receive, send, WIRE_VERSION, type FromHub } from './wire.js';

/** The events of a connection to a hub. */
interface ConnectionListener {
  heard(peers: readonly PeersReport[]): void;
  /** The connection ended: the hub has ended. */
  ended(): void;
}

interface Question {
  readonly resolve: (refusal: ProbeRefusal) => void;
  readonly reject: (error: Error) => void;
}

/** The connection of a process to the hub of another one. Keeps no process alive. */
export class HubConnection {
  private readonly questions = new Map<number, Question>();
  private calls = 0;
  private listening = false;

  private constructor(
    private readonly socket: Socket,
    private readonly listener: ConnectionListener,
  ) {}

  /** @throws the errors of `connect`: `ECONNREFUSED` if the socket belongs to an ended process */
  static async to(
    path: string,
    hello: { readonly id: string; readonly starts: boolean; readonly reports: readonly CircuitReport[] },
    listener: ConnectionListener,
  ): Promise<{ readonly connection: HubConnection; readonly resumed: readonly CircuitReport[] }> {
    const socket = connect(path);
    const connection = new HubConnection(socket, listener);
    try {
      const resumed = await new Promise<readonly CircuitReport[]>((resolve, reject) => {
        const late = setTimeout(() => socket.destroy(timedOut()), WELCOME_MS);
        socket.once('error', reject).once('close', () => {
          clearTimeout(late);
          reject(new Error('The hub did not answer'));
          connection.end();
        });
        receive(socket, (received) => {
          const message = received as FromHub;
          if (message.kind !== 'welcome') return connection.hear(message);
          clearTimeout(late);
          resolve(message.resumed);
        });
        socket.once('connect', () => send(socket, { kind: 'hello', version: WIRE_VERSION, ...hello }));
      });
      socket.on('error', () => undefined).unref();
      connection.listening = true;
      if (socket.destroyed) connection.end();
      return { connection, resumed };
    } catch (error) {
      socket.on('error', () => undefined).destroy();
      throw error;
    }
  }

  tell(reports: readonly CircuitReport[]): void {
    send(this.socket, { kind: 'tell', reports });
  }

  claim(circuit: string, forMs: number): Promise<ProbeRefusal> {
    return new Promise((resolve, reject) => {
      this.calls += 1;
      this.questions.set(this.calls, { resolve, reject });
      send(this.socket, { kind: 'claim', call: this.calls, circuit, forMs });
    });
  }

  settle(circuit: string, keep: PeersProbe | undefined): void {
    send(this.socket, { kind: 'settle', circuit, keep });
  }

  close(): void {
    this.listening = false;
    this.socket.destroy();
  }

  private hear(message: Exclude<FromHub, { kind: 'welcome' }>): void {
    if (message.kind === 'heard') return this.listener.heard(message.peers);
    this.questions.get(message.call)?.resolve(message.refusal);
    this.questions.delete(message.call);
  }

  private end(): void {
    for (const { reject } of this.questions.values()) reject(new Error('The hub has ended'));
    this.questions.clear();
    if (!this.listening) return;
    this.listening = false;
    this.listener.ended();
  }
}

/** Maximum wait for the welcome, in ms. */
const WELCOME_MS = 800;

const timedOut = (): Error => Object.assign(new Error('The hub did not answer'), { code: 'ETIMEDOUT' });
