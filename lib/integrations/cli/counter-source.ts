import type { StoredCounter } from '../../backends/stored-counter.js';
import type { Backend } from '../../contracts/backend.js';
import type { AlgorithmName } from '../../contracts/policy.js';
import { wrongUse } from './failures.js';

/** The counters of one key. */
export interface StoredSubject {
  readonly key: string;
  readonly counters: readonly StoredCounter[];
}

/** @param nowMs the store's clock, ms since the epoch */
export type TakeSubject = (subject: StoredSubject, nowMs: number) => void;

/** What a look at a store found. */
export interface Scan {
  /** Keys looked at. */
  readonly scanned: number;
  /** Whether these were all. */
  readonly isComplete: boolean;
  /** The store's clock, ms since the epoch. */
  readonly nowMs: number;
}

/** A store of counters, as the commands look at it. */
export interface CounterSource {
  /** Such as `redis at localhost:6379`: no credentials. */
  readonly place: string;
  /** The backend on the same connection. */
  readonly backend: Backend;
  /** @throws CommandFailure if it does not answer */
  connect(): Promise<void>;
  /** By what the store knows a counter. */
  counterId(policy: { readonly id: string; readonly algorithm: AlgorithmName }): string;
  /** The counters of one key; none: there is no such key. */
  read(key: string): Promise<StoredSubject & { readonly nowMs: number }>;
  /** Looks at keys, at most so many, a part at a time; hands over the counters of each as of one time. */
  scan(most: number, take: TakeSubject): Promise<Scan>;
  /** Removes all counters of a key. */
  remove(key: string): Promise<void>;
  close(): Promise<void>;
}

/** Where the counters are. */
export interface SourceOptions {
  readonly url?: string;
  readonly keyPrefix: string;
  readonly schema: string;
  readonly table: string;
  /** Longest wait for the store, ms. */
  readonly timeoutMs: number;
}

/** Host and port of a URL, without user and password. */
export function placeOf(kind: string, url: string): string {
  try {
    return `${kind} at ${new URL(url).host}`;
  } catch {
    throw wrongUse(`--url cannot be read: give ${kind}://host:port, and %-encode special characters of a password.`);
  }
}
