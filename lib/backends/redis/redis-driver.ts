/** The arguments of a script. */
export interface ScriptCall {
  readonly keys: readonly string[];
  readonly parameters: readonly string[];
}

/** A script and its hash. */
export interface Script {
  readonly text: string;
  readonly hash: string;
}

/**
 * The interface to a client library, with one driver for each. Errors are those of the library; they are classified in
 * one place.
 */
export interface RedisDriver {
  /** Whether keys are in slots, and a script may only use one slot. */
  readonly isCluster: boolean;
  /** Whether commands can be sent now. */
  readonly isReady: boolean;
  /** Whether commands can be sent now, or would connect the client. */
  readonly isConnected: boolean;
  /**
   * Resolves as soon as commands can be sent; connects a client that is not connected yet.
   *
   * @throws RedisDisconnectedError if there is no connection and the client does not connect
   * @throws the signal's reason when it aborts
   */
  whenReady(signal: AbortSignal): Promise<void>;
  /** Runs a script that the server knows; its replies are bytes. */
  runByHash(script: Script, call: ScriptCall): Promise<unknown>;
  /** Runs a script, which the server keeps for later. */
  runByText(script: Script, call: ScriptCall): Promise<unknown>;
  /** Reports each new connection; returns a function that removes the listener. */
  onConnected(listener: () => void): () => void;
  /** Connects, if the connection is the backend's own. */
  open(): void;
  /** Closes what the backend opened itself. */
  close(): Promise<void>;
}
