/**
 * What the backend needs of a client: `Redis` and `Cluster` of ioredis 5 and 6 have it.
 *
 * A type of its own, so that this package's types fit whichever version of ioredis an application has.
 */
export interface RedisClient {
  /** `wait`, `connecting`, `connect`, `ready`, `close`, `reconnecting`, `disconnecting` or `end`. */
  readonly status: string;
  readonly isCluster: boolean;
  connect(): Promise<unknown>;
  set(key: string, value: string, px: 'PX', milliseconds: number, xx: 'XX'): Promise<unknown>;
  on(event: 'ready' | 'close' | 'end', listener: () => void): unknown;
  off(event: 'ready' | 'close' | 'end', listener: () => void): unknown;
}

/** The same, with what ioredis has and does not declare: of every command a variant that replies with bytes. */
export interface ScriptingClient extends RedisClient {
  evalshaBuffer(sha: string, numberOfKeys: number, ...keysAndArguments: string[]): Promise<unknown>;
  evalBuffer(script: string, numberOfKeys: number, ...keysAndArguments: string[]): Promise<unknown>;
}

/** Whether this is a client of ioredis at all: TypeScript need not have looked. */
export const isScriptingClient = (client: RedisClient): client is ScriptingClient =>
  typeof client.status === 'string' &&
  typeof (client as Partial<ScriptingClient>).evalshaBuffer === 'function' &&
  typeof (client as Partial<ScriptingClient>).evalBuffer === 'function';
