/**
 * The part of a client that the backend uses. `Redis` and `Cluster` of ioredis 5 and 6 and of iovalkey have it.
 *
 * It is a separate type, so that it matches any version of the library.
 */
export interface RedisClient {
  /** `wait`, `connecting`, `connect`, `ready`, `close`, `reconnecting`, `disconnecting` or `end`. */
  readonly status: string;
  readonly isCluster: boolean;
  connect(): Promise<unknown>;
  on(event: 'ready' | 'close' | 'end', listener: () => void): unknown;
  off(event: 'ready' | 'close' | 'end', listener: () => void): unknown;
}

/** ioredis has a variant of every command that replies with bytes, but does not declare it. */
export interface ScriptCommands<Result> {
  evalshaBuffer(sha: string, numberOfKeys: number, ...keysAndArguments: string[]): Result;
  evalBuffer(script: string, numberOfKeys: number, ...keysAndArguments: string[]): Result;
}

export interface ScriptPipeline extends ScriptCommands<ScriptPipeline> {
  exec(): Promise<readonly (readonly [error: Error | null, reply: unknown])[] | null>;
}

export interface ScriptingClient extends RedisClient, ScriptCommands<Promise<unknown>> {
  readonly options?: { readonly enableAutoPipelining?: boolean };
  pipeline(): ScriptPipeline;
}

/** Whether this is a client of ioredis; the caller may not use TypeScript. */
export const isScriptingClient = (client: object): client is ScriptingClient =>
  typeof (client as Partial<ScriptingClient>).status === 'string' &&
  typeof (client as Partial<ScriptingClient>).evalshaBuffer === 'function' &&
  typeof (client as Partial<ScriptingClient>).evalBuffer === 'function';
