import type { UnsentCommands } from './unsent-commands.js';

/**
 * The part of a client that the backend uses. `createClient`, `createCluster`, `createSentinel` and `createClientPool`
 * of node-redis (`redis`) 5 and 6 have it.
 *
 * It is a separate type, so that it matches any version of the library.
 */
export interface NodeRedisClient {
  /** Whether it is connected, or tries to be. */
  readonly isOpen: boolean;
  connect(): Promise<unknown>;
  on(event: string, listener: (event?: unknown) => void): unknown;
  withTypeMapping(typeMapping: object): unknown;
}

interface CommandOptions {
  readonly typeMapping: Readonly<Record<number, unknown>>;
  readonly abortSignal: UnsentCommands;
  readonly timeout: undefined;
}

type Arguments = readonly string[];

/** A client, a Sentinel, a Cluster or a pool: their commands differ in what comes first. */
export interface CommandingClient extends NodeRedisClient {
  /** Whether commands can be sent. A pool does not report it, nor does a Cluster of version 5. */
  readonly isReady?: boolean;
  /** The known masters of a Cluster. */
  readonly masters?: readonly unknown[];
  /** A Cluster has it. */
  readonly getSlotMaster?: unknown;
  /** A Sentinel has it. */
  readonly getSentinelNode?: unknown;
  sendCommand(args: Arguments, options: CommandOptions): Promise<unknown>;
  sendCommand(isReadonly: boolean, args: Arguments, options: CommandOptions): Promise<unknown>;
  sendCommand(key: string | undefined, isReadonly: boolean, args: Arguments, options: CommandOptions): Promise<unknown>;
}

/** Whether this is a client of node-redis; the caller may not use TypeScript. */
export function isNodeRedisClient(client: object): client is CommandingClient {
  const { isOpen, sendCommand, withTypeMapping } = client as Partial<CommandingClient>;
  return typeof isOpen === 'boolean' && typeof sendCommand === 'function' && typeof withTypeMapping === 'function';
}

export const isClusterClient = (client: CommandingClient): boolean => typeof client.getSlotMaster === 'function';

/** The RESP type of a bulk string, which a script replies with. */
const BULK_STRING = '$'.charCodeAt(0);

const BYTES = { [BULK_STRING]: Buffer };

/**
 * Sends a command whose reply is bytes. `abortSignal` drops it if it waits too long to be sent, or if the connection is
 * lost before.
 */
export function send(client: CommandingClient, args: Arguments, key: string | undefined, abortSignal: UnsentCommands) {
  // node-redis 6 creates a timer and a signal for each command with a timeout, which is the default. That costs more
  // than everything else in the client. `abortSignal` has one timer for all commands instead.
  const options: CommandOptions = { typeMapping: BYTES, abortSignal, timeout: undefined };
  if (isClusterClient(client)) return client.sendCommand(key, false, args, options);
  if (typeof client.getSentinelNode === 'function') return client.sendCommand(false, args, options);
  return client.sendCommand(args, options);
}
