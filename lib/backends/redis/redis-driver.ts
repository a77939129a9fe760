/** What a script is called with. */
export interface ScriptCall {
  readonly keys: readonly string[];
  readonly parameters: readonly string[];
}

/** A script and the hash under which a server keeps it. */
export interface Script {
  readonly text: string;
  readonly hash: string;
}

/**
 * What the backend needs of a client library: each has a driver of its own. Errors are the library's; they are classified
 * in one place.
 */
export interface RedisDriver {
  /** Whether keys live in slots, of which a script may touch one. */
  readonly isCluster: boolean;
  /** Whether commands can be sent now. */
  readonly isReady: boolean;
  /** Whether commands can be sent now, or would make the client connect. */
  readonly isConnected: boolean;
  /**
   * Resolves as soon as commands can be sent; makes a client connect that waits to be asked.
   *
   * @throws RedisDisconnectedError if there is no connection and none is being made
   * @throws the signal's reason when it aborts
   */
  whenReady(signal: AbortSignal): Promise<void>;
  /** Runs a script that the server knows; its replies are bytes. */
  runByHash(script: Script, call: ScriptCall): Promise<unknown>;
  /** Runs a script, which the server keeps for later. */
  runByText(script: Script, call: ScriptCall): Promise<unknown>;
  /** Tells each time that a connection was made; answers what ends it. */
  onConnected(listener: () => void): () => void;
  /** Connects, where the connection is the backend's own. */
  open(): void;
  /** Closes what the backend opened itself. */
  close(): Promise<void>;
}
