import { Redis } from 'ioredis';
import { redisBackend } from '../../backends/redis/redis.backend.js';
import { storageId } from '../../backends/redis/limiter.script.js';
import { storedCounters } from '../../backends/redis/stored-counters.js';
import { subjectKey, subjectOfKey } from '../../backends/redis/subject-key.js';
import type { Backend } from '../../contracts/backend.js';
import {
  type CounterSource,
  placeOf,
  type Scan,
  type SourceOptions,
  type StoredSubject,
  type TakeSubject,
} from './counter-source.js';
import { notPermitted, unreachable } from './failures.js';

/** Keys that one SCAN looks at. */
const PAGE = 1_000;

/** Wait for the server to close its end, in ms: a frozen one never does. */
const DISCONNECT_TIMEOUT_MS = 100;

/** Counters in a Redis server. */
export class RedisSource implements CounterSource {
  readonly place: string;
  readonly backend: Backend;
  readonly counterId = storageId;
  private readonly client: Redis;
  private readonly keyPrefix: string;
  private readonly timeoutMs: number;
  private lastError: unknown;

  constructor(url: string, { keyPrefix, timeoutMs }: SourceOptions) {
    this.place = placeOf('redis', url);
    this.keyPrefix = keyPrefix;
    this.timeoutMs = timeoutMs;
    this.client = new Redis(url, {
      lazyConnect: true,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      connectTimeout: timeoutMs,
      commandTimeout: timeoutMs,
      disconnectTimeout: DISCONNECT_TIMEOUT_MS,
      // The check needs INFO, and prints a warning where that is not permitted.
      enableReadyCheck: false,
      retryStrategy: () => null,
    });
    this.client.on('error', (error: unknown) => (this.lastError = error));
    this.backend = redisBackend({ client: this.client, keyPrefix });
  }

  async connect(): Promise<void> {
    try {
      await within(this.timeoutMs, this.answers());
    } catch (error) {
      throw unreachable(this.place, this.lastError ?? error);
    }
  }

  read(key: string): Promise<StoredSubject & { readonly nowMs: number }> {
    return this.permitted(async () => {
      const nowMs = await this.nowMs();
      const value = await this.client.getBuffer(subjectKey(this.keyPrefix, key));
      return { key, counters: (value && storedCounters(value, nowMs)) ?? [], nowMs };
    });
  }

  scan(most: number, take: TakeSubject): Promise<Scan> {
    return this.permitted(() => this.scanAll(most, take));
  }

  async remove(key: string): Promise<void> {
    await this.permitted(() => this.client.del(subjectKey(this.keyPrefix, key)));
  }

  close(): Promise<void> {
    this.client.disconnect();
    return Promise.resolve();
  }

  /** Resolves when the server has answered a command: a frozen one accepts connections, too. */
  private async answers(): Promise<void> {
    await this.client.connect();
    try {
      await this.client.time();
    } catch (error) {
      if (!isNotPermitted(error)) throw error;
    }
  }

  /** Runs commands, and explains which permissions they need if one is missing. */
  private async permitted<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      throw isNotPermitted(error) ? notPermitted(this.place, error, this.grant()) : error;
    }
  }

  private grant(): string {
    const { username } = this.client.options;
    return `ACL SETUSER ${username || 'default'} ~${this.keyPrefix}* +scan +get +time, and +del for reset`;
  }

  /** Uses SCAN, which does not block the server as KEYS does. */
  private async scanAll(most: number, take: TakeSubject): Promise<Scan> {
    const nowMs = await this.nowMs();
    const pattern = `${this.keyPrefix.replaceAll(/[\\*?[\]]/g, '\\$&')}{*}`;
    const seen = new Set<string>();
    let cursor = '0';
    let scanned = 0;
    do {
      const [next, keys] = await this.client.scan(cursor, 'MATCH', pattern, 'COUNT', Math.min(PAGE, most));
      // SCAN may return a key twice.
      const fresh = keys.filter((key) => !seen.has(key));
      for (const key of fresh) seen.add(key);
      await Promise.all(fresh.map((key) => this.takeOne(key, nowMs, take)));
      cursor = next;
      scanned += PAGE;
    } while (cursor !== '0' && scanned < most);
    return { scanned: seen.size, isComplete: cursor === '0', nowMs };
  }

  private async takeOne(name: string, nowMs: number, take: TakeSubject): Promise<void> {
    const key = subjectOfKey(this.keyPrefix, name);
    if (key === undefined) return;
    // Another program may keep other values under the prefix.
    const value = await this.client.getBuffer(name).catch((error: unknown) => {
      if (error instanceof Error && error.message.startsWith('WRONGTYPE')) return null;
      throw error;
    });
    const counters = value === null ? undefined : storedCounters(value, nowMs);
    if (counters !== undefined) take({ key, counters }, nowMs);
  }

  private async nowMs(): Promise<number> {
    const [seconds, micros] = await this.client.time();
    return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
  }
}

const isNotPermitted = (error: unknown): boolean => error instanceof Error && error.message.startsWith('NOPERM');

/** Rejects if the work takes longer; the work itself goes on. */
async function within(timeoutMs: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  });
  await Promise.race([work, late]).finally(() => clearTimeout(timer));
}
