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
  evalsha(sha: string, numberOfKeys: number, ...keysAndArguments: string[]): Promise<unknown>;
  eval(script: string, numberOfKeys: number, ...keysAndArguments: string[]): Promise<unknown>;
  set(key: string, value: string, px: 'PX', milliseconds: number, xx: 'XX'): Promise<unknown>;
  on(event: 'ready' | 'close' | 'end', listener: () => void): unknown;
  off(event: 'ready' | 'close' | 'end', listener: () => void): unknown;
}
