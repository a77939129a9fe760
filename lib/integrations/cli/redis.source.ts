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
import { unreachable } from './failures.js';

/** Keys that one SCAN looks at. */
const PAGE = 1_000;

/** Counters in a Redis server. */
export class RedisSource implements CounterSource {
  readonly place: string;
  readonly backend: Backend;
  readonly counterId = storageId;
  private readonly client: Redis;
  private readonly keyPrefix: string;
  private lastError: unknown;

  constructor(url: string, { keyPrefix, timeoutMs }: SourceOptions) {
    this.place = placeOf('redis', url);
    this.keyPrefix = keyPrefix;
    this.client = new Redis(url, {
      lazyConnect: true,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      connectTimeout: timeoutMs,
      commandTimeout: timeoutMs,
      retryStrategy: () => null,
    });
    this.client.on('error', (error: unknown) => (this.lastError = error));
    this.backend = redisBackend({ client: this.client, keyPrefix });
  }

  async connect(): Promise<void> {
    try {
      await this.client.connect();
      await this.client.time();
    } catch (error) {
      throw unreachable(this.place, this.lastError ?? error);
    }
  }

  async read(key: string): Promise<StoredSubject & { readonly nowMs: number }> {
    const nowMs = await this.nowMs();
    const value = await this.client.getBuffer(subjectKey(this.keyPrefix, key));
    return { key, counters: (value && storedCounters(value, nowMs)) ?? [], nowMs };
  }

  /** By SCAN, which keeps the server free for others; KEYS would stop it. */
  async scan(most: number, take: TakeSubject): Promise<Scan> {
    const nowMs = await this.nowMs();
    const pattern = `${this.keyPrefix.replaceAll(/[\\*?[\]]/g, '\\$&')}{*}`;
    const seen = new Set<string>();
    let cursor = '0';
    let scanned = 0;
    do {
      const [next, keys] = await this.client.scan(cursor, 'MATCH', pattern, 'COUNT', Math.min(PAGE, most));
      // A key that moves while it is looked for may come twice.
      const fresh = keys.filter((key) => !seen.has(key));
      for (const key of fresh) seen.add(key);
      await Promise.all(fresh.map((key) => this.takeOne(key, nowMs, take)));
      cursor = next;
      scanned += PAGE;
    } while (cursor !== '0' && scanned < most);
    return { scanned: seen.size, isComplete: cursor === '0', nowMs };
  }

  async remove(key: string): Promise<void> {
    await this.client.del(subjectKey(this.keyPrefix, key));
  }

  close(): Promise<void> {
    this.client.disconnect();
    return Promise.resolve();
  }

  private async takeOne(name: string, nowMs: number, take: TakeSubject): Promise<void> {
    const key = subjectOfKey(this.keyPrefix, name);
    if (key === undefined) return;
    // What another program keeps under the prefix is none of ours.
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
