import type { RedisConnection } from 'nestjs-floodgate/redis';

/** One way in which a backend fails: a row of the table. */
export interface Fault {
  /** Its name in the table of docs/failure-modes.md. */
  readonly name: string;
  /** What failed calls say, so that the fault is what it is called. */
  readonly reason: RegExp;
  /** Whether the fault is there when the application starts. Default false. */
  readonly fromTheStart?: boolean;
  /** Whether counters outlive it. Default true. */
  readonly keepsCounters?: boolean;
  /** Starts servers that work. */
  start(): Promise<Scene>;
}

/** Servers that a test can break in one way, and mend. */
export interface Scene extends AsyncDisposable {
  /** How a backend of its own connects. */
  connection(): RedisConnection;
  break(): Promise<unknown>;
  mend(): Promise<unknown>;
}
