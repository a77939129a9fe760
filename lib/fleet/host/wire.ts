import type { Socket } from 'node:net';
import type { CircuitReport, PeersProbe, PeersReport, ProbeRefusal } from '../../contracts/breaker-state.js';

/** Increased when a message changes its meaning: processes with different versions do not share state. */
export const WIRE_VERSION = 1;

/** A message of a process to the hub. */
export type ToHub =
  | {
      readonly kind: 'hello';
      readonly version: number;
      readonly id: string;
      readonly starts: boolean;
      readonly reports: readonly CircuitReport[];
    }
  | { readonly kind: 'tell'; readonly reports: readonly CircuitReport[] }
  | { readonly kind: 'claim'; readonly call: number; readonly circuit: string; readonly forMs: number }
  | { readonly kind: 'settle'; readonly circuit: string; readonly keep?: PeersProbe | undefined };

/** A message of the hub to a process. */
export type FromHub =
  | { readonly kind: 'welcome'; readonly resumed: readonly CircuitReport[] }
  | { readonly kind: 'answer'; readonly call: number; readonly refusal?: ProbeRefusal }
  | { readonly kind: 'heard'; readonly peers: readonly PeersReport[] };

/** Maximum length of a message, in characters. A sender of more is not a process of this package. */
const MAX_LENGTH = 16_000_000;

export function send(socket: Socket, message: ToHub | FromHub): void {
  if (socket.writable) socket.write(`${JSON.stringify(message)}\n`);
}

/** Reads messages, one in each line. Anything else ends the connection. */
export function receive(socket: Socket, hear: (message: unknown) => void): void {
  let rest = '';
  socket.setEncoding('utf8');
  socket.on('data', (text: string) => {
    const lines = `${rest}${text}`.split('\n');
    rest = lines.pop() ?? '';
    try {
      for (const line of lines) hear(JSON.parse(line));
      if (rest.length > MAX_LENGTH) socket.destroy();
    } catch {
      socket.destroy();
    }
  });
}
